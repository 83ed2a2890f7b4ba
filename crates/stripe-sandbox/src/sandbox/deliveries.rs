//! What is to be delivered, as the worker that delivers meets it.

use std::time::Instant;

use super::{Inner, Sandbox};
use crate::state::Record;
use crate::webhooks::Job;

/// How long a webhook is tried, in seconds.
const TRIED: i64 = 3 * 24 * 60 * 60;

impl Sandbox {
    /// A webhook that is due.
    pub(crate) fn next_webhook(&self) -> Option<Job> {
        let mut inner = self.lock();
        let position = inner.state.queue.take()?;
        let event = inner.state.events.at(position)?;
        let body = serde_json::to_vec_pretty(&event.render(1)).unwrap_or_default();
        Some(Job {
            position,
            event: event.id.clone(),
            body: body.into(),
        })
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
        let again = state.queue.again(job.position);
        let record = Record {
            settled: vec![job.event.clone()],
            queued: again.then(|| job.event.clone()).into_iter().collect(),
            ..Record::default()
        };
        match self.commit(journal, record) {
            Ok(record) => state.apply(record),
            Err(_) => state
                .queue
                .failed(job.position, "the journal could not be written".to_owned()),
        }
    }
}
