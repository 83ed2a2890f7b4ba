//! A job before it is written, and while it runs.

use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;

/// Attempts that a job gets if nobody says otherwise.
const ATTEMPTS: u16 = 10;

/// Which of the due jobs of one kind go first. Jobs of different kinds do not compete: each kind has its own places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Before all others.
    High,
    /// In between.
    #[default]
    Normal,
    /// When nothing else is due.
    Low,
}

impl Priority {
    pub(super) const fn rank(self) -> i16 {
        match self {
            Self::High => 0,
            Self::Normal => 1,
            Self::Low => 2,
        }
    }

    pub(super) const fn of_rank(rank: i16) -> Self {
        match rank {
            ..=0 => Self::High,
            1 => Self::Normal,
            2.. => Self::Low,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// To be run, now or later.
    Waiting,
    /// Held by a worker.
    Running,
    /// Done, and kept for a while.
    Done,
    /// Given up: a person looks at it and requeues or discards it.
    Dead,
}

/// Not the name of a [`State`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is waiting, running, done or dead")]
pub struct BadState;

impl State {
    /// The word that the table has.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }
}

impl FromStr for State {
    type Err = BadState;

    fn from_str(word: &str) -> Result<Self, BadState> {
        [Self::Waiting, Self::Running, Self::Done, Self::Dead]
            .into_iter()
            .find(|state| state.name() == word)
            .ok_or(BadState)
    }
}

/// A job that is about to be written. Its payload carries ids, not personal data: a row may outlive an account.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob<'a> {
    /// What it is listed and counted under, such as `mail`.
    pub queue: &'a str,
    /// Which handler runs it, such as `order-mail`.
    pub kind: &'a str,
    /// What the handler needs to know.
    pub payload: Value,
    /// Which of the due jobs of its kind go first.
    pub priority: Priority,
    /// Not before this.
    pub run_at: OffsetDateTime,
    /// How often it may be begun before it is dead.
    pub max_attempts: u16,
    /// Nothing is enqueued while a job of the queue with the same key has not ended.
    pub unique_key: Option<&'a str>,
    /// The trace that it belongs to (a `traceparent`), or empty.
    pub trace: &'a str,
    /// When it is enqueued.
    pub created_at: OffsetDateTime,
}

impl<'a> NewJob<'a> {
    /// A job that is due `now`, of normal priority, with ten attempts.
    #[must_use]
    pub const fn new(queue: &'a str, kind: &'a str, payload: Value, now: OffsetDateTime) -> Self {
        Self {
            queue,
            kind,
            payload,
            priority: Priority::Normal,
            run_at: now,
            max_attempts: ATTEMPTS,
            unique_key: None,
            trace: "",
            created_at: now,
        }
    }

    /// The same, due `delay` after it is enqueued.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.run_at = later(self.created_at, delay);
        self
    }

    /// The same, with another priority.
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The same, at most once at a time per queue and `key`.
    #[must_use]
    pub const fn unique(mut self, key: &'a str) -> Self {
        self.unique_key = Some(key);
        self
    }

    /// The same, given up after so many attempts; at least one.
    #[must_use]
    pub const fn attempts(mut self, most: u16) -> Self {
        self.max_attempts = if most == 0 { 1 } else { most };
        self
    }

    /// The same, as part of the trace `traceparent`.
    #[must_use]
    pub const fn trace(mut self, traceparent: &'a str) -> Self {
        self.trace = traceparent;
        self
    }
}

/// A job that this process holds until its lease runs out.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its row.
    pub id: i64,
    /// What it is listed and counted under.
    pub queue: String,
    /// Which handler runs it.
    pub kind: String,
    /// What the handler needs to know.
    pub payload: Value,
    /// The how-manieth attempt this is, from 1.
    pub attempt: u16,
    /// How many there may be.
    pub max_attempts: u16,
    /// What this claim is told from later ones by.
    pub fence: i64,
    /// The trace that it belongs to (a `traceparent`), or empty.
    pub trace: String,
    /// When it was enqueued.
    pub created_at: OffsetDateTime,
}

/// How many jobs of one kind a worker has room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The queue.
    pub queue: &'a str,
    /// The kind.
    pub kind: &'a str,
    /// At most so many.
    pub room: usize,
}

/// `at` and `by` later, or the end of time.
pub(super) fn later(at: OffsetDateTime, by: Duration) -> OffsetDateTime {
    time::Duration::try_from(by)
        .ok()
        .and_then(|by| at.checked_add(by))
        .unwrap_or(time::macros::datetime!(9999-12-31 23:59:59 UTC))
}
