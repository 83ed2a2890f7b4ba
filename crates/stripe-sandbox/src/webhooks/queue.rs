//! What is to be delivered, and when next. Events are known by their position in the table of events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;

/// The pauses after the first failures, in milliseconds; then a minute each.
const PAUSES: [u64; 8] = [200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000];
const LONGEST: Duration = Duration::from_secs(60);
/// How long an event waits to be overtaken.
const HELD_BACK: Duration = Duration::from_secs(10);

/// One attempt.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) position: usize,
    pub(crate) event: String,
    pub(crate) body: Bytes,
}

/// An event that was not yet taken.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) attempts: u32,
    /// How the last attempt failed.
    pub(crate) last: Option<String>,
    /// `None` while an attempt runs.
    due: Option<Instant>,
    /// Whether it was looked at what goes wrong with it.
    judged: bool,
    /// How often it comes once more after it was taken.
    copies: u32,
    /// Asked for while an attempt ran: once more, even if that is taken.
    again: bool,
}

/// All events that were not yet taken.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    deliveries: BTreeMap<usize, Delivery>,
    waiting: BTreeSet<(Instant, usize)>,
    /// The one that is to be overtaken.
    held: Option<usize>,
}

impl Queue {
    /// Has the event delivered, now; if it is on its way already, once more after that; harmless if it is waiting.
    pub(crate) fn push(&mut self, position: usize) {
        if let Some(delivery) = self.deliveries.get_mut(&position) {
            delivery.again = delivery.due.is_none();
            return;
        }
        let now = Instant::now();
        let delivery = Delivery {
            attempts: 0,
            last: None,
            due: Some(now),
            judged: false,
            copies: 0,
            again: false,
        };
        self.deliveries.insert(position, delivery);
        self.waiting.insert((now, position));
    }

    /// Whether it was asked for while the attempt that is over now ran.
    pub(crate) fn again(&self, position: usize) -> bool {
        self.deliveries.get(&position).is_some_and(|d| d.again)
    }

    /// The event was taken, or is given up.
    pub(crate) fn settle(&mut self, position: usize) {
        if let Some(due) = self.deliveries.remove(&position).and_then(|d| d.due) {
            self.waiting.remove(&(due, position));
        }
    }

    /// Whether nobody has looked yet at what goes wrong with this delivery; from now on somebody has.
    pub(crate) fn unjudged(&mut self, position: usize) -> bool {
        self.deliveries
            .get_mut(&position)
            .is_some_and(|d| !std::mem::replace(&mut d.judged, true))
    }

    /// How often the event comes once more after it was taken.
    pub(crate) fn copies(&self, position: usize) -> u32 {
        self.deliveries.get(&position).map_or(0, |d| d.copies)
    }

    /// Has the event come so many times more after it was taken.
    pub(crate) fn copy(&mut self, position: usize, copies: u32) {
        if let Some(delivery) = self.deliveries.get_mut(&position) {
            delivery.judged = true;
            delivery.copies = copies;
        }
    }

    /// An attempt does not begin yet.
    pub(crate) fn postpone(&mut self, position: usize, span: Duration) {
        if let Some(delivery) = self.deliveries.get_mut(&position) {
            let due = Instant::now() + span;
            delivery.due = Some(due);
            self.waiting.insert((due, position));
        }
    }

    /// Another event is to be taken before this one; if none is in time, it goes all the same.
    pub(crate) fn hold_back(&mut self, position: usize) {
        self.postpone(position, HELD_BACK);
        self.held = Some(position);
    }

    /// Whether an event is held back.
    pub(crate) fn holds_back(&self) -> bool {
        self.held.is_some()
    }

    /// The event that is held back was overtaken.
    pub(crate) fn release(&mut self) {
        let Some(position) = self.held.take() else { return };
        let Some(delivery) = self.deliveries.get_mut(&position) else {
            return;
        };
        if let Some(due) = delivery.due {
            let now = Instant::now();
            delivery.due = Some(now);
            self.waiting.remove(&(due, position));
            self.waiting.insert((now, position));
        }
    }

    /// An event that is due; it is not given again until its attempt is over.
    pub(crate) fn take(&mut self) -> Option<usize> {
        let (due, position) = *self.waiting.first().filter(|(due, _)| *due <= Instant::now())?;
        self.waiting.remove(&(due, position));
        if self.held == Some(position) {
            self.held = None;
        }
        self.deliveries.get_mut(&position)?.due = None;
        Some(position)
    }

    /// When the next is due.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.waiting.first().map(|(due, _)| *due)
    }

    /// An attempt failed: another follows.
    pub(crate) fn failed(&mut self, position: usize, why: String) {
        let Some(delivery) = self.deliveries.get_mut(&position) else {
            return;
        };
        let pause = usize::try_from(delivery.attempts)
            .ok()
            .and_then(|n| PAUSES.get(n));
        let due = Instant::now() + pause.map_or(LONGEST, |ms| Duration::from_millis(*ms));
        delivery.attempts += 1;
        delivery.again = false;
        delivery.last = Some(why);
        if let Some(earlier) = delivery.due.replace(due) {
            self.waiting.remove(&(earlier, position));
        }
        self.waiting.insert((due, position));
    }

    /// Makes all that wait due now.
    pub(crate) fn hurry(&mut self) {
        let now = Instant::now();
        self.waiting = std::mem::take(&mut self.waiting)
            .into_iter()
            .map(|(_, position)| (now, position))
            .collect();
        for delivery in self.deliveries.values_mut() {
            delivery.due = delivery.due.map(|_| now);
        }
    }

    /// Time has moved on by `span`.
    pub(crate) fn hasten(&mut self, span: Duration) {
        for (position, delivery) in &mut self.deliveries {
            let Some(due) = delivery.due else { continue };
            let sooner = due.checked_sub(span).unwrap_or_else(Instant::now);
            self.waiting.remove(&(due, *position));
            self.waiting.insert((sooner, *position));
            delivery.due = Some(sooner);
        }
    }

    /// Nothing runs any more: what was being delivered is due again.
    pub(crate) fn recover(&mut self) {
        let now = Instant::now();
        for (position, delivery) in &mut self.deliveries {
            if delivery.due.is_none() {
                delivery.due = Some(now);
                self.waiting.insert((now, *position));
            }
        }
    }

    /// Whether the event waits, or is being delivered.
    pub(crate) fn holds(&self, position: usize) -> bool {
        self.deliveries.contains_key(&position)
    }

    /// All, oldest event first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Delivery)> {
        self.deliveries
            .iter()
            .map(|(position, delivery)| (*position, delivery))
    }
}
