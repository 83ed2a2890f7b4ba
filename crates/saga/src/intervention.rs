//! What a person may do with a saga that is stuck. Pure, like the machine: the row is changed elsewhere.

use std::fmt;

use time::OffsetDateTime;

use crate::machine::{Position, Reason, Run};
use crate::plan::{Direction, Place, Plan};

/// What a person decides about a step that can go neither on nor back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Intervention {
    /// Call it again, with all its time before it.
    Retry,
    /// Count it as done, or as taken back, and go on behind it: somebody saw to it by hand.
    Skip,
    /// Give the way forward up: before the pivot succeeded by taking everything back, the step itself
    /// included; afterwards by the branch.
    Abandon,
}

impl Intervention {
    /// Every intervention.
    pub const ALL: [Self; 3] = [Self::Retry, Self::Skip, Self::Abandon];

    /// As it is asked for.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Abandon => "abandon",
        }
    }

    /// As the log has it.
    #[must_use]
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Retry => "retried",
            Self::Skip => "skipped",
            Self::Abandon => "abandoned",
        }
    }
}

impl fmt::Display for Intervention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an intervention is refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// Nobody needs to do anything about it.
    #[error("only what is stuck can be intervened in")]
    NotStuck,
    /// What follows rests on the pivot having succeeded; no person can say that in its stead.
    #[error("the step is the point of no return, which cannot be skipped; retry or abandon")]
    SkipsThePivot,
    /// It is being taken back already, or is on its way out.
    #[error("the way forward was already given up; retry or skip")]
    AlreadyAbandoned,
    /// Nothing can be undone any more, and the saga has no branch.
    #[error("there is no other way to an end from here; retry or skip")]
    NoWayOut,
}

/// The run after `what` was done to it: due at once, for whoever takes it up.
///
/// How often a step was called is never forgotten: a call that nobody heard of may still arrive.
///
/// # Errors
/// [`Illegal`], where the saga is not at a place for it.
pub fn intervene(plan: &Plan, run: Run, what: Intervention, now: OffsetDateTime) -> Result<Run, Illegal> {
    let Position::Stuck(place) = run.position else {
        return Err(Illegal::NotStuck);
    };
    match what {
        Intervention::Retry => Ok(retry(run, place, now)),
        Intervention::Skip => skip(plan, run, place, now),
        Intervention::Abandon => abandon(plan, run, place, now),
    }
}

fn retry(run: Run, place: Place, now: OffsetDateTime) -> Run {
    Run {
        position: Position::At(place),
        failures: 0,
        first_attempt_at: now,
        wake_at: now,
        reason: kept(run.reason, place),
        ..run
    }
}

fn skip(plan: &Plan, run: Run, place: Place, now: OffsetDateTime) -> Result<Run, Illegal> {
    let next = match place.direction {
        Direction::Forward if plan.pivot == Some(place.index) => return Err(Illegal::SkipsThePivot),
        Direction::Undo => place
            .index
            .checked_sub(1)
            .map_or(Position::Undone, |before| Position::At(Place::undo(before))),
        Direction::Forward | Direction::Branch => {
            let next = Place {
                index: place.index + 1,
                ..place
            };
            match (plan.get(next), place.direction) {
                (Some(_), _) => Position::At(next),
                (None, Direction::Branch) => Position::Diverted,
                (None, _) => Position::Done,
            }
        }
    };
    let reason = kept(run.reason.clone(), place);
    let attempt = plan.called_after(place, run.attempt);
    let run = Run { reason, ..run }.enter(next, now);
    Ok(Run { attempt, ..run })
}

fn abandon(plan: &Plan, run: Run, place: Place, now: OffsetDateTime) -> Result<Run, Illegal> {
    let next = match place.direction {
        Direction::Undo | Direction::Branch => return Err(Illegal::AlreadyAbandoned),
        // It may have happened: nobody was called in because all was well.
        Direction::Forward if plan.can_turn_back_at(place.index) => {
            Place::undo(plan.reach(place.index, run.attempt))
        }
        Direction::Forward if plan.branch.is_empty() => return Err(Illegal::NoWayOut),
        Direction::Forward => Place::branch(0),
    };
    let step = plan
        .get(place)
        .map(|step| step.name.to_owned())
        .unwrap_or_default();
    let reason = Some(Reason::Abandoned { step });
    Ok(Run { reason, ..run }.enter(Position::At(next), now))
}

/// Why it got stuck is over; why it turned back stays, since that is what its caller asks about.
fn kept(reason: Option<Reason>, place: Place) -> Option<Reason> {
    match (place.direction, &reason) {
        (Direction::Undo, _) | (_, Some(Reason::Abandoned { .. })) => reason,
        (Direction::Forward | Direction::Branch, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;

    use super::*;
    use crate::plan::PlannedStep;
    use crate::policy::Policy;

    const BEGAN: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);
    const NOW: OffsetDateTime = datetime!(2026-03-01 13:00 UTC);

    fn plan() -> Plan {
        let planned = |name| PlannedStep {
            name,
            policy: Policy::default(),
            recorded_later: false,
        };
        Plan {
            forward: ["one", "two", "three", "four"].map(planned).to_vec(),
            branch: ["away"].map(planned).to_vec(),
            pivot: Some(1),
        }
    }

    fn unresolved() -> Reason {
        Reason::Unresolved {
            step: "two".to_owned(),
            error: "no answer".to_owned(),
        }
    }

    fn abandoned(step: &str) -> Reason {
        Reason::Abandoned {
            step: step.to_owned(),
        }
    }

    fn stuck(place: Place, reason: Reason) -> Run {
        Run {
            position: Position::Stuck(place),
            attempt: 4,
            failures: 3,
            first_attempt_at: BEGAN,
            wake_at: BEGAN + Duration::from_secs(60),
            reason: Some(reason),
        }
    }

    // SAG-8
    #[test]
    fn whatever_is_done_to_a_saga_is_due_at_once_with_all_its_time_before_it() {
        for (what, place, to, calls) in [
            (
                Intervention::Retry,
                Place::forward(2),
                Position::At(Place::forward(2)),
                4,
            ),
            (
                Intervention::Skip,
                Place::forward(2),
                Position::At(Place::forward(3)),
                0,
            ),
            (Intervention::Skip, Place::forward(3), Position::Done, 0),
            (Intervention::Skip, Place::undo(0), Position::Undone, 0),
            (Intervention::Skip, Place::branch(0), Position::Diverted, 0),
            (
                Intervention::Abandon,
                Place::forward(1),
                Position::At(Place::undo(1)),
                0,
            ),
            (
                Intervention::Abandon,
                Place::forward(2),
                Position::At(Place::branch(0)),
                0,
            ),
        ] {
            let run = intervene(&plan(), stuck(place, unresolved()), what, NOW).unwrap();
            assert_eq!(run.position, to, "{what} at {place:?}");
            assert_eq!((run.attempt, run.failures), (calls, 0), "{what} at {place:?}");
            assert_eq!(
                (run.first_attempt_at, run.wake_at),
                (NOW, NOW),
                "{what} at {place:?}"
            );
        }
    }

    // SAG-8
    #[test]
    fn why_it_got_stuck_is_over_and_why_it_turned_back_stays() {
        let reason = |what, place, before: Reason| {
            let run = intervene(&plan(), stuck(place, before), what, NOW);
            run.unwrap().reason
        };
        for what in [Intervention::Retry, Intervention::Skip] {
            for (place, before, after) in [
                (Place::forward(2), unresolved(), None),
                (Place::branch(0), unresolved(), None),
                (Place::undo(1), unresolved(), Some(unresolved())),
                (Place::branch(0), abandoned("three"), Some(abandoned("three"))),
            ] {
                assert_eq!(reason(what, place, before), after, "{what} at {place:?}");
            }
        }
        let given_up = Some(abandoned("three"));
        assert_eq!(
            reason(Intervention::Abandon, Place::forward(2), unresolved()),
            given_up
        );
    }

    #[test]
    fn each_is_asked_for_by_one_word_and_logged_as_another() {
        let words = Intervention::ALL.map(|what| (what.to_string(), what.outcome()));
        let expected = [
            ("retry", "retried"),
            ("skip", "skipped"),
            ("abandon", "abandoned"),
        ];
        assert_eq!(words, expected.map(|(name, outcome)| (name.to_owned(), outcome)));
    }
}
