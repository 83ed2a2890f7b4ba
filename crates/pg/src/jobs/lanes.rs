//! The places of each kind: what runs, what waits for a place, and how much more to fetch.

use std::collections::VecDeque;
use std::time::Duration;

use super::handler::Handler;
use super::pace::Pace;
use super::types::Job;

/// The places of one kind. They are its own, so that no kind ever waits for another.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) handler: Handler,
    running: usize,
    ahead: VecDeque<Job>,
    pace: Pace,
    /// Whether there may be more than was fetched.
    more: bool,
}

impl Lane {
    pub(super) fn new(handler: Handler) -> Self {
        Self {
            handler,
            running: 0,
            ahead: VecDeque::new(),
            pace: Pace::default(),
            more: true,
        }
    }

    /// There may be new jobs.
    pub(super) fn look_again(&mut self) {
        self.more = true;
    }

    /// How many to fetch; nothing if it is known to be in vain, or not worth a round trip yet.
    pub(super) fn wanted(&self, most_ahead: usize) -> Option<usize> {
        let places = self.handler.concurrency;
        let whole = places + self.pace.ahead(places, most_ahead);
        let room = whole.saturating_sub(self.running + self.ahead.len());
        let idle = places.saturating_sub(self.running) > self.ahead.len();
        (self.more && room > 0 && (idle || room * 2 >= whole)).then_some(room)
    }

    /// Takes in what was fetched for `room` jobs.
    pub(super) fn fetched(&mut self, jobs: Vec<Job>, room: usize) {
        self.more = jobs.len() >= room;
        self.ahead.extend(jobs);
    }

    /// The next job, if there is one and a place for it.
    pub(super) fn start(&mut self) -> Option<Job> {
        if self.running >= self.handler.concurrency {
            return None;
        }
        let job = self.ahead.pop_front()?;
        self.running += 1;
        Some(job)
    }

    /// A place is free again.
    pub(super) fn ended(&mut self, took: Option<Duration>) {
        self.running = self.running.saturating_sub(1);
        if let Some(took) = took {
            self.pace.note(took);
        }
    }

    /// Gives up what has not begun.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Job> {
        self.ahead.drain(..)
    }
}
