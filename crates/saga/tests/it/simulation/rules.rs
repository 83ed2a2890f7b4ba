//! What must hold, said again without the machine: which move may follow which, and what an end means.

use saga::machine::{Answer, Position, Reason, Run};
use saga::{Direction, Intervention, Place, Plan};

use super::parties::Parties;

/// Whether a saga may go from one saved position to the next upon `answer`.
pub fn may_move(plan: &Plan, from: &Run, to: &Run, answer: &Answer) -> Result<(), String> {
    let no = || {
        Err(format!(
            "{:?} after {answer:?} became {:?}",
            from.position, to.position
        ))
    };
    let Position::At(place) = from.position else {
        return no();
    };
    let i = place.index;
    let can_go_back = plan.pivot.is_some_and(|pivot| i <= pivot);
    let past_return = plan.pivot.is_none_or(|pivot| i >= pivot);
    let allowed = match (place.direction, to.position) {
        (_, Position::At(same)) if same == place => matches!(answer, Answer::Unknown { .. }),
        (Direction::Undo, Position::At(next)) => {
            i > 0 && next == Place::undo(i - 1) && *answer == Answer::Succeeded
        }
        (Direction::Undo, Position::Undone) => i == 0 && *answer == Answer::Succeeded,
        (Direction::Undo, Position::Stuck(at)) => at == place && matches!(answer, Answer::Unknown { .. }),
        (Direction::Forward, Position::At(next)) => match next.direction {
            Direction::Forward => next.index == i + 1 && *answer == Answer::Succeeded,
            Direction::Undo => match answer {
                // Nobody knows what earlier calls did, nor, behind what is recorded later, how far others went on.
                Answer::Unknown { .. } | Answer::Refused(_) if from.attempt > 1 => {
                    can_go_back && next.index == may_be_called(plan, i)
                }
                Answer::Unknown { .. } => can_go_back && next.index == i,
                // A first call that is refused did nothing.
                Answer::Refused(_) => can_go_back && next.index + 1 == i,
                _ => false,
            },
            Direction::Branch => next.index == 0 && past_return && *answer == Answer::Diverted,
        },
        (Direction::Forward, Position::Undone) => {
            i == 0 && can_go_back && from.attempt == 1 && matches!(answer, Answer::Refused(_))
        }
        (Direction::Forward, Position::Done) => i + 1 == plan.forward.len() && *answer == Answer::Succeeded,
        (Direction::Forward, Position::Diverted) => {
            plan.branch.is_empty() && past_return && *answer == Answer::Diverted
        }
        (Direction::Branch, Position::At(next)) => {
            next == Place::branch(i + 1) && *answer == Answer::Succeeded
        }
        (Direction::Branch, Position::Diverted) => i + 1 == plan.branch.len() && *answer == Answer::Succeeded,
        (Direction::Forward | Direction::Branch, Position::Parked(at)) => {
            at == place && matches!(answer, Answer::Parked { .. })
        }
        (Direction::Forward | Direction::Branch, Position::Stuck(at)) => {
            let dead_end = matches!(answer, Answer::Unknown { .. } | Answer::Refused(_));
            let misdirected = *answer == Answer::Diverted && !past_return;
            at == place && ((dead_end && !can_go_back_from(plan, place)) || misdirected)
        }
        _ => false,
    };
    if allowed { Ok(()) } else { no() }
}

/// Whether a person may take a saga from being stuck to where it is now.
pub fn may_intervene(plan: &Plan, from: &Run, to: &Run, what: Intervention) -> Result<(), String> {
    let Position::Stuck(place) = from.position else {
        return Err(format!("{what} of {:?}", from.position));
    };
    let i = place.index;
    let next = Place {
        index: i + 1,
        ..place
    };
    let last = plan.get(next).is_none();
    let allowed = match (what, place.direction, to.position) {
        (Intervention::Retry, _, Position::At(same)) => same == place,
        (Intervention::Skip, Direction::Undo, Position::At(to)) => i > 0 && to == Place::undo(i - 1),
        (Intervention::Skip, Direction::Undo, Position::Undone) => i == 0,
        (Intervention::Skip, Direction::Forward, _) if plan.pivot == Some(i) => false,
        (Intervention::Skip, Direction::Forward | Direction::Branch, Position::At(to)) => to == next,
        (Intervention::Skip, Direction::Forward, Position::Done) => last,
        (Intervention::Skip, Direction::Branch, Position::Diverted) => last,
        (Intervention::Abandon, Direction::Forward, Position::At(to)) => {
            if can_go_back_from(plan, place) {
                let last = if from.attempt > 1 {
                    may_be_called(plan, i)
                } else {
                    i
                };
                to == Place::undo(last)
            } else {
                to == Place::branch(0)
            }
        }
        _ => false,
    };
    // It is due, and a call that nobody heard of is not forgotten.
    let counts = to.failures == 0 && (what != Intervention::Retry || to.attempt == from.attempt);
    if allowed && counts {
        Ok(())
    } else {
        Err(format!("{what} took {from:?} to {to:?}"))
    }
}

/// The last step that may have been called, behind what is recorded later.
fn may_be_called(plan: &Plan, i: usize) -> usize {
    let later = plan.forward.iter().skip(i);
    i + later.take_while(|step| step.recorded_later).count()
}

fn can_go_back_from(plan: &Plan, place: Place) -> bool {
    place.direction == Direction::Forward && plan.can_turn_back_at(place.index)
}

/// Whether the parties agree with how the saga ended, once every message has arrived.
///
/// Nobody knows of the steps in `skipped` whether they stand: a person answers for them.
pub fn agrees(
    plan: &Plan,
    run: &Run,
    parties: &Parties,
    undone: &[usize],
    skipped: &[Place],
) -> Result<(), String> {
    let stands = |steps: &[saga::PlannedStep], place: fn(usize) -> Place| -> Vec<Option<bool>> {
        let stands = steps.iter().enumerate();
        stands
            .map(|(i, step)| (!skipped.contains(&place(i))).then(|| parties.stands(step.name)))
            .collect()
    };
    let way_back = matches!(run.position, Position::Undone);
    let forward = stands(&plan.forward, if way_back { Place::undo } else { Place::forward });
    let branch = stands(&plan.branch, Place::branch);
    let none = |which: &[Option<bool>]| which.iter().all(|stands| *stands != Some(true));
    let all = |which: &[Option<bool>]| which.iter().all(|stands| *stands != Some(false));
    let latest_first = undone.windows(2).all(|pair| pair.first() >= pair.last());
    let holds = latest_first
        && match run.position {
            Position::Done => all(&forward) && none(&branch) && undone.is_empty(),
            Position::Undone => none(&forward) && none(&branch) && run.reason.is_some(),
            Position::Diverted => {
                let kept = plan.pivot.unwrap_or_default();
                all(&branch) && all(forward.get(..kept).unwrap_or_default()) && undone.is_empty()
            }
            Position::Stuck(place) if place.direction == Direction::Undo => none(&branch),
            Position::Stuck(place) => {
                undone.is_empty()
                    && (place.direction == Direction::Branch || none(&branch))
                    && matches!(
                        run.reason,
                        Some(Reason::Refused { .. } | Reason::Unresolved { .. } | Reason::Misdirected { .. })
                    )
            }
            Position::At(_) | Position::Parked(_) => false,
        };
    if holds {
        Ok(())
    } else {
        Err(format!(
            "it ended as {:?}, but {:?} stand; undone in the order {undone:?}",
            run, parties.deeds
        ))
    }
}
