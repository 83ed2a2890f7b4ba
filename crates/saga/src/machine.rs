//! The engine's core: what follows from what was answered. No I/O, no clock, no randomness.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::plan::{Direction, Place, Plan};

/// Where a saga is and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Which step, or which end.
    pub position: Position,
    /// How often the step at this place was called, counting the call under way, and one that may have been made and was
    /// not written down.
    pub attempt: u32,
    /// How many of the latest attempts in a row ended in doubt.
    pub failures: u32,
    /// When the current row of attempts began.
    pub first_attempt_at: OffsetDateTime,
    /// Nothing is to be done before this.
    pub wake_at: OffsetDateTime,
    /// Why it turned back or got stuck.
    pub reason: Option<Reason>,
}

/// Where a saga is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Calling this step, or about to.
    At(Place),
    /// This step waits to be called again.
    Parked(Place),
    /// Every forward step is done.
    Done,
    /// Every step that was done, or may have been, is taken back.
    Undone,
    /// Every step of the branch is done.
    Diverted,
    /// This step can go neither on nor back: a person has to look.
    Stuck(Place),
}

/// A callee's clear no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What for, as a program reads it.
    pub code: String,
    /// What the one who asked needs to know.
    pub detail: serde_json::Value,
}

/// Why a saga turned back or got stuck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// A step was refused.
    Refused {
        /// Which.
        step: String,
        /// What for.
        #[serde(flatten)]
        refused: Refused,
    },
    /// Whether a step happened was still unknown when its time was over.
    Unresolved {
        /// Which.
        step: String,
        /// What its last attempt said.
        error: String,
    },
    /// A step diverted where the way back is still open, or in the branch: a fault in the saga.
    Misdirected {
        /// Which.
        step: String,
    },
    /// A person gave the way forward up at this step; who and why is in the log.
    Abandoned {
        /// Which.
        step: String,
    },
}

impl Reason {
    /// For a row that turned back without saying why; the machine writes none.
    pub(crate) fn not_recorded() -> Self {
        Self::Unresolved {
            step: String::new(),
            error: "the reason was not recorded".to_owned(),
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It begins, or a process has taken it over.
    Resumed,
    /// A pause is over.
    Timer,
    /// Something happened that a parked step waits for.
    Woken,
    /// A call ended. An answer to another call than the one under way changes nothing.
    Answered {
        /// The place that was called.
        place: Place,
        /// Which attempt.
        attempt: u32,
        /// What came of it.
        answer: Answer,
    },
}

/// How one call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The step is done, or taken back.
    Succeeded,
    /// It waits.
    Parked {
        /// When waiting ends.
        until: OffsetDateTime,
    },
    /// It leaves for the branch.
    Diverted,
    /// A clear no.
    Refused(Refused),
    /// It may have happened, or not.
    Unknown {
        /// What was seen.
        error: String,
        /// How long to pause, as a fraction of `u32::MAX`.
        jitter: u32,
    },
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Call this step: run it, or undo it if that is the place's direction.
    Call(Place),
    /// Nothing before this, unless woken.
    SleepUntil(OffsetDateTime),
    /// Nothing any more.
    Finish,
}

impl Run {
    /// A saga that has done nothing yet.
    #[must_use]
    pub fn new(plan: &Plan, now: OffsetDateTime) -> Self {
        Self {
            position: if plan.forward.is_empty() {
                Position::Done
            } else {
                Position::At(Place::forward(0))
            },
            attempt: 0,
            failures: 0,
            first_attempt_at: now,
            wake_at: now,
            reason: None,
        }
    }

    /// Enters `position`; what was counted for the one before is forgotten.
    pub(crate) fn enter(self, position: Position, now: OffsetDateTime) -> Self {
        Self {
            position,
            attempt: 0,
            failures: 0,
            first_attempt_at: now,
            wake_at: now,
            reason: self.reason,
        }
    }

    fn because(self, reason: Reason) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }

    /// Calls `place` once more.
    fn call(self, place: Place) -> (Self, Option<Command>) {
        let run = Self {
            position: Position::At(place),
            attempt: self.attempt.saturating_add(1),
            ..self
        };
        (run, Some(Command::Call(place)))
    }

    /// Enters `place` and calls it for the first time.
    fn begin(self, place: Place, now: OffsetDateTime) -> (Self, Option<Command>) {
        self.enter(Position::At(place), now).call(place)
    }

    fn end(self, position: Position, now: OffsetDateTime) -> (Self, Option<Command>) {
        (self.enter(position, now), Some(Command::Finish))
    }

    /// Keeps the counts, for whoever has to look at it.
    fn stick(self, place: Place, now: OffsetDateTime) -> (Self, Option<Command>) {
        (
            Self {
                position: Position::Stuck(place),
                wake_at: now,
                ..self
            },
            Some(Command::Finish),
        )
    }
}

/// The run after `event`, and what to do then: nothing if the event is not about the run as it is.
#[must_use]
pub fn step(plan: &Plan, run: Run, event: Event, now: OffsetDateTime) -> (Run, Option<Command>) {
    match (event, run.position) {
        (_, Position::Done | Position::Undone | Position::Diverted | Position::Stuck(_)) => {
            (run, Some(Command::Finish))
        }
        (Event::Woken, Position::Parked(place)) => unpark(run, place, now),
        (Event::Woken, Position::At(_)) => (run, None),
        (Event::Resumed | Event::Timer, _) if run.wake_at > now => {
            let until = run.wake_at;
            (run, Some(Command::SleepUntil(until)))
        }
        (Event::Resumed | Event::Timer, Position::Parked(place)) => unpark(run, place, now),
        (Event::Resumed | Event::Timer, Position::At(place)) => run.call(place),
        (
            Event::Answered {
                place,
                attempt,
                answer,
            },
            Position::At(at),
        ) => {
            if place == at && attempt == run.attempt {
                answered(plan, run, place, answer, now)
            } else {
                (run, None)
            }
        }
        (Event::Answered { .. }, Position::Parked(_)) => (run, None),
    }
}

/// A parked step's time counts anew from here: it was not failing while it waited.
fn unpark(run: Run, place: Place, now: OffsetDateTime) -> (Run, Option<Command>) {
    Run {
        first_attempt_at: now,
        wake_at: now,
        ..run
    }
    .call(place)
}

fn answered(
    plan: &Plan,
    run: Run,
    place: Place,
    answer: Answer,
    now: OffsetDateTime,
) -> (Run, Option<Command>) {
    let name = || {
        plan.get(place)
            .map(|step| step.name.to_owned())
            .unwrap_or_default()
    };
    let past_return = |at: Place| match at.direction {
        Direction::Forward => plan.pivot.is_none_or(|pivot| at.index >= pivot),
        Direction::Undo | Direction::Branch => false,
    };
    match answer {
        Answer::Succeeded => succeeded(plan, run, place, now),
        Answer::Unknown { error, jitter } => doubtful(plan, run, place, error, jitter, now),
        Answer::Parked { until } if place.direction != Direction::Undo => {
            let parked = Run {
                position: Position::Parked(place),
                failures: 0,
                wake_at: until,
                ..run
            };
            (parked, Some(Command::SleepUntil(until)))
        }
        Answer::Diverted if past_return(place) => {
            if plan.branch.is_empty() {
                run.end(Position::Diverted, now)
            } else {
                run.begin(Place::branch(0), now)
            }
        }
        Answer::Refused(refused) => {
            let reason = Reason::Refused {
                step: name(),
                refused,
            };
            match place.direction {
                // This call changed nothing. An earlier one, given up or cut off by a crash, may still arrive.
                Direction::Forward if plan.can_turn_back_at(place.index) && run.attempt > 1 => {
                    let last = plan.reach(place.index, run.attempt);
                    run.because(reason).begin(Place::undo(last), now)
                }
                Direction::Forward if plan.can_turn_back_at(place.index) => {
                    turn_back(run.because(reason), place.index, now)
                }
                Direction::Forward | Direction::Branch => run.because(reason).stick(place, now),
                Direction::Undo => run.stick(place, now),
            }
        }
        Answer::Diverted | Answer::Parked { .. } => run
            .because(Reason::Misdirected { step: name() })
            .stick(place, now),
    }
}

fn succeeded(plan: &Plan, run: Run, place: Place, now: OffsetDateTime) -> (Run, Option<Command>) {
    match place.direction {
        Direction::Undo => turn_back(run, place.index, now),
        Direction::Forward | Direction::Branch => {
            let next = Place {
                index: place.index + 1,
                ..place
            };
            match (plan.get(next), place.direction) {
                (Some(_), _) => {
                    let called = plan.called_after(place, run.attempt);
                    let (mut run, command) = run.begin(next, now);
                    run.attempt += called;
                    (run, command)
                }
                (None, Direction::Branch) => run.end(Position::Diverted, now),
                (None, _) => run.end(Position::Done, now),
            }
        }
    }
}

/// Undoes the steps before `index`, the latest first.
fn turn_back(run: Run, index: usize, now: OffsetDateTime) -> (Run, Option<Command>) {
    match index.checked_sub(1) {
        Some(before) => run.begin(Place::undo(before), now),
        None => run.end(Position::Undone, now),
    }
}

/// Tries again, for the last time when its age is reached; then turns back from this step, or sticks.
fn doubtful(
    plan: &Plan,
    run: Run,
    place: Place,
    error: String,
    jitter: u32,
    now: OffsetDateTime,
) -> (Run, Option<Command>) {
    let (max_age, policy) = plan.max_age(place);
    let deadline = after(run.first_attempt_at, max_age);
    let failures = run.failures.saturating_add(1);
    if let Some(policy) = policy
        && now < deadline
    {
        let until = after(now, policy.pause(failures, jitter)).min(deadline);
        return (
            Run {
                failures,
                wake_at: until,
                ..run
            },
            Some(Command::SleepUntil(until)),
        );
    }
    let run = Run { failures, ..run };
    let step = plan
        .get(place)
        .map(|step| step.name.to_owned())
        .unwrap_or_default();
    match place.direction {
        Direction::Forward if plan.can_turn_back_at(place.index) => {
            let last = plan.reach(place.index, run.attempt);
            run.because(Reason::Unresolved { step, error })
                .begin(Place::undo(last), now)
        }
        Direction::Forward | Direction::Branch => {
            run.because(Reason::Unresolved { step, error }).stick(place, now)
        }
        // Why it turned back is what the caller asked about; why undoing fails is in the log.
        Direction::Undo => run.stick(place, now),
    }
}

/// A duration that means "forever" ends at the end of time instead of overflowing.
pub(crate) fn after(at: OffsetDateTime, by: Duration) -> OffsetDateTime {
    at.saturating_add(time::Duration::try_from(by).unwrap_or(time::Duration::MAX))
}

#[cfg(test)]
mod tests;
