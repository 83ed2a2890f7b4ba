//! How a saga stands, as its callers see it.

use std::fmt;
use std::str::FromStr;

use time::OffsetDateTime;

use crate::machine::{Position, Reason, Run};

/// How far a saga came while it was driven inline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<State> {
    /// Every step is done.
    Done {
        /// What was learnt.
        state: State,
    },
    /// Waits to be woken; workers go on from there.
    Parked {
        /// What was learnt.
        state: State,
        /// When waiting ends.
        until: OffsetDateTime,
    },
    /// Everything is taken back.
    Undone {
        /// Why.
        reason: Reason,
        /// What had been learnt.
        state: State,
    },
    /// It ended by the branch.
    Diverted {
        /// What was learnt.
        state: State,
    },
    /// It can go neither on nor back; a person has to look.
    Stuck {
        /// Why.
        reason: Option<Reason>,
        /// What was learnt.
        state: State,
    },
    /// Not known yet: workers go on with it.
    StillRunning,
}

impl<State> Outcome<State> {
    /// What `run` means for whoever asked for it.
    pub(crate) fn of(run: Run, state: State) -> Self {
        match run.position {
            Position::At(_) => Self::StillRunning,
            Position::Parked(_) => Self::Parked {
                state,
                until: run.wake_at,
            },
            Position::Done => Self::Done { state },
            Position::Undone => Self::Undone {
                reason: run.reason.unwrap_or_else(Reason::not_recorded),
                state,
            },
            Position::Diverted => Self::Diverted { state },
            Position::Stuck(_) => Self::Stuck {
                reason: run.reason,
                state,
            },
        }
    }
}

/// The stored state of a saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Between steps, calling one, or pausing before it is tried again.
    Running,
    /// Waits to be woken.
    Parked,
    /// Every step is done.
    Done,
    /// Everything is taken back.
    Undone,
    /// It ended by the branch.
    Diverted,
    /// It can go neither on nor back.
    Stuck,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Parked,
        Self::Done,
        Self::Undone,
        Self::Diverted,
        Self::Stuck,
    ];

    /// As stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Parked => "parked",
            Self::Done => "done",
            Self::Undone => "undone",
            Self::Diverted => "diverted",
            Self::Stuck => "stuck",
        }
    }

    /// Whether nothing follows by itself.
    #[must_use]
    pub const fn is_end(self) -> bool {
        match self {
            Self::Running | Self::Parked => false,
            Self::Done | Self::Undone | Self::Diverted | Self::Stuck => true,
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A word that names no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is one of running, parked, done, undone, diverted, stuck")]
pub struct BadStatus;

impl FromStr for Status {
    type Err = BadStatus;

    fn from_str(word: &str) -> Result<Self, BadStatus> {
        Self::parse(word).ok_or(BadStatus)
    }
}

impl From<Position> for Status {
    fn from(position: Position) -> Self {
        match position {
            Position::At(_) => Self::Running,
            Position::Parked(_) => Self::Parked,
            Position::Done => Self::Done,
            Position::Undone => Self::Undone,
            Position::Diverted => Self::Diverted,
            Position::Stuck(_) => Self::Stuck,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Place;

    #[test]
    fn each_word_is_read_as_the_status_that_it_names() {
        for status in Status::ALL {
            assert_eq!(status.to_string().parse(), Ok(status));
        }
        assert_eq!("Done".parse::<Status>(), Err(BadStatus));
    }

    #[test]
    fn nothing_follows_by_itself_at_an_end() {
        let (here, at) = (Place::forward(0), Status::from);
        assert!(
            ![at(Position::At(here)), at(Position::Parked(here))]
                .into_iter()
                .any(Status::is_end)
        );
        let ends = [
            Position::Done,
            Position::Undone,
            Position::Diverted,
            Position::Stuck(here),
        ];
        assert!(ends.map(Status::from).into_iter().all(Status::is_end));
    }
}
