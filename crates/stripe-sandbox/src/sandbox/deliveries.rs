//! What is to be delivered, as the worker that delivers meets it.

use std::time::Instant;

use super::{Inner, Sandbox};
use crate::faults::Mischief;
use crate::journal::Journal;
use crate::state::{Record, State};
use crate::webhooks::Job;

/// How long a webhook is tried, in seconds.
const TRIED: i64 = 3 * 24 * 60 * 60;

impl Sandbox {
    /// A webhook that is due.
    pub(crate) fn next_webhook(&self) -> Option<Job> {
        let mut inner = self.lock();
        let Inner { state, journal } = &mut *inner;
        let position = loop {
            let position = state.queue.take()?;
            if !self.goes_astray(state, journal, position) {
                break position;
            }
        };
        let event = state.events.at(position)?;
        let body = serde_json::to_vec_pretty(&event.render(1)).unwrap_or_default();
        Some(Job {
            position,
            event: event.id.clone(),
            body: body.into(),
        })
    }

    /// Whether a fault keeps this delivery from happening now.
    fn goes_astray(&self, state: &mut State, journal: &mut Journal, position: usize) -> bool {
        if !state.queue.unjudged(position) {
            return false;
        }
        let Some(event) = state.events.at(position) else {
            return false;
        };
        match self.fault_of_webhook(&event.kind, state.queue.holds_back()) {
            None => false,
            Some(Mischief::Duplicate(copies)) => {
                state.queue.copy(position, copies);
                false
            }
            Some(Mischief::Delay(span)) => {
                state.queue.postpone(position, span);
                true
            }
            Some(Mischief::Reorder) => {
                state.queue.hold_back(position);
                true
            }
            Some(Mischief::Drop) => {
                let record = Record {
                    settled: vec![event.id.clone()],
                    ..Record::default()
                };
                match self.commit(journal, record) {
                    Ok(record) => state.apply(record),
                    Err(_) => state.queue.settle(position),
                }
                true
            }
        }
    }

    /// When the next webhook is due.
    pub(crate) fn next_webhook_at(&self) -> Option<Instant> {
        self.lock().state.queue.next_at()
    }

    /// Returns when there may be webhooks that were not there before.
    pub(crate) async fn webhooks_wait(&self) {
        self.webhooks.notified().await;
    }

    /// What was being delivered when the worker ended is due again.
    pub(crate) fn webhooks_recover(&self) {
        self.lock().state.queue.recover();
    }

    /// Makes all webhooks that wait due now.
    pub(crate) fn hurry_webhooks(&self) {
        self.lock().state.queue.hurry();
        self.webhooks.notify_one();
    }

    /// An attempt is over.
    pub(crate) fn webhook_done(&self, job: &Job, outcome: Result<(), String>) {
        let mut inner = self.lock();
        let Inner { state, journal } = &mut *inner;
        if let Err(why) = outcome {
            let age = state
                .events
                .at(job.position)
                .map_or(0, |event| self.now_in(state) - event.created);
            if age < TRIED {
                tracing::debug!(
                    event = job.event,
                    why,
                    "a webhook was not taken; it is tried again"
                );
                state.queue.failed(job.position, why);
                return;
            }
            tracing::warn!(
                event = job.event,
                why,
                "a webhook was not taken for three days and is given up"
            );
        }
        let copies = state.queue.copies(job.position);
        let again = copies > 0 || state.queue.again(job.position);
        let record = Record {
            settled: vec![job.event.clone()],
            queued: again.then(|| job.event.clone()).into_iter().collect(),
            ..Record::default()
        };
        match self.commit(journal, record) {
            Ok(record) => {
                state.apply(record);
                state.queue.release();
                if copies > 0 {
                    state.queue.copy(job.position, copies - 1);
                }
                self.webhooks.notify_one();
            }
            Err(_) => state
                .queue
                .failed(job.position, "the journal could not be written".to_owned()),
        }
    }
}
