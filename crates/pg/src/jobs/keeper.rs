//! What a worker holds: renewed while it is held, written down once it ended.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::finish::{Ended, renew};
use super::queues::Queues;
use super::types::{Job, later};

/// So many endings go into one statement at most.
const BATCH: usize = 1_000;

/// The jobs that a worker holds: begun or waiting for a place.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<HashMap<i64, Hold>>);

#[derive(Debug)]
struct Hold {
    fence: i64,
    /// Nothing until it begins.
    task: Option<AbortHandle>,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Hold>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, jobs: &[Job]) {
        let mut held = self.lock();
        for job in jobs {
            let hold = Hold {
                fence: job.fence,
                task: None,
            };
            held.insert(job.id, hold);
        }
    }

    /// Begins a held job with `spawn`; `None` if it was lost before it could begin.
    pub(super) fn begin<R>(&self, id: i64, spawn: impl FnOnce() -> (R, AbortHandle)) -> Option<R> {
        let mut held = self.lock();
        let hold = held.get_mut(&id)?;
        let (result, task) = spawn();
        hold.task = Some(task);
        Some(result)
    }

    /// Lets go of a job, so that no renewal meets the statement that ends it.
    pub(super) fn remove(&self, id: i64) {
        self.lock().remove(&id);
    }

    /// Lets go of everything; stops what runs.
    pub(super) fn clear(&self) -> Vec<(i64, i64)> {
        let held = std::mem::take(&mut *self.lock());
        held.into_iter()
            .map(|(id, hold)| {
                if let Some(task) = hold.task {
                    task.abort();
                }
                (id, hold.fence)
            })
            .collect()
    }

    fn claims(&self) -> Vec<(i64, i64)> {
        let held = self.lock();
        let mut claims: Vec<_> = held.iter().map(|(&id, hold)| (id, hold.fence)).collect();
        claims.sort_unstable();
        claims
    }

    /// Stops what was asked about and is not in `kept`: it is another worker's now.
    fn lose(&self, asked: &[(i64, i64)], kept: &[i64]) -> usize {
        let kept: std::collections::HashSet<i64> = kept.iter().copied().collect();
        let mut held = self.lock();
        let mut lost = 0;
        for (id, fence) in asked.iter().filter(|(id, _)| !kept.contains(id)) {
            // One that ended while we asked is no longer here.
            if held.get(id).is_some_and(|hold| hold.fence == *fence)
                && let Some(hold) = held.remove(id)
            {
                lost += 1;
                if let Some(task) = hold.task {
                    task.abort();
                }
            }
        }
        lost
    }
}

impl Queues {
    /// Writes down what ends, many at a time, and renews what is held, one statement after the other, so that the two
    /// never wait for each other's rows. Ends when nobody can send any more.
    pub(super) async fn keep(
        &self,
        held: &Held,
        mut ended: UnboundedReceiver<Ended>,
        stop: &CancellationToken,
    ) {
        let mut beat = interval(self.settings.lease / 3);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::new();
        loop {
            // While one batch is written the next one gathers: many endings share a commit.
            tokio::select! {
                count = ended.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.write_down(std::mem::take(&mut batch), held, stop).await;
                }
                _ = beat.tick() => self.renew(held).await,
            }
        }
    }

    /// Tries until it works, or the process stops: then the jobs are run again elsewhere.
    async fn write_down(&self, ended: Vec<Ended>, held: &Held, stop: &CancellationToken) {
        loop {
            let Err(error) = self.write(ended.clone()).await else {
                return;
            };
            tracing::warn!(%error, jobs = ended.len(), "ended jobs could not be written down; trying again");
            if stop.is_cancelled() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(self.settings.poll) => {}
                () = stop.cancelled() => {}
            }
            self.renew(held).await;
        }
    }

    async fn renew(&self, held: &Held) {
        let claims = held.claims();
        if claims.is_empty() {
            return;
        }
        let until = later(self.clock.now(), self.settings.lease);
        match renew(&self.pool, &claims, until).await {
            Ok(kept) => {
                let lost = held.lose(&claims, &kept);
                if lost > 0 {
                    tracing::warn!(jobs = lost, "jobs were lost to another worker");
                }
            }
            Err(error) => tracing::warn!(%error, "held jobs could not be renewed; trying again"),
        }
    }
}
