//! What must hold, said again without the machine: which move may follow which, and what an end means.

use saga::machine::{Answer, Position, Reason, Run};
use saga::{Direction, Place, Plan};

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
                Answer::Unknown { .. } => can_go_back && next.index == i,
                // A first call that is refused did nothing; after that nobody knows what the others did.
                Answer::Refused(_) => can_go_back && next.index + usize::from(from.attempt == 1) == i,
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
            at == place
                && !can_go_back_from(plan, place)
                && matches!(answer, Answer::Unknown { .. } | Answer::Refused(_))
        }
        _ => false,
    };
    if allowed { Ok(()) } else { no() }
}

fn can_go_back_from(plan: &Plan, place: Place) -> bool {
    place.direction == Direction::Forward && plan.can_turn_back_at(place.index)
}

/// Whether the parties agree with how the saga ended, once every message has arrived.
pub fn agrees(plan: &Plan, run: &Run, parties: &Parties, undone: &[usize]) -> Result<(), String> {
    let stands = |steps: &[saga::PlannedStep]| -> Vec<bool> {
        steps.iter().map(|step| parties.stands(step.name)).collect()
    };
    let (forward, branch) = (stands(&plan.forward), stands(&plan.branch));
    let none = |which: &[bool]| which.iter().all(|stands| !stands);
    let all = |which: &[bool]| which.iter().all(|stands| *stands);
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
                        Some(Reason::Refused { .. } | Reason::Unresolved { .. })
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
