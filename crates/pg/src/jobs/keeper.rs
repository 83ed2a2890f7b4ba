//! What a worker holds: renewed while it is held, written down once it ended.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::finish::{Ended, renew};
use super::queues::Queues;
use super::types::later;

/// So many endings go into one statement at most.
const BATCH: usize = 1_000;

/// The jobs that a worker holds: begun or waiting for a place.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<HashMap<i64, Hold>>);

#[derive(Debug)]
pub(super) struct Hold {
    fence: i64,
    /// Nothing until it begins.
    task: Option<AbortHandle>,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Hold>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops what still runs under an older claim: such a job's lease ran out before it could be renewed, and it was
    /// this worker that took it anew.
    pub(super) fn add(&self, claims: impl IntoIterator<Item = (i64, i64)>) {
        let mut held = self.lock();
        for (id, fence) in claims {
            let older = held.insert(id, Hold { fence, task: None });
            if let Some(task) = older.and_then(|older| older.task) {
                task.abort();
            }
        }
    }

    /// Begins a job with `spawn` if it is still held under that fence; `None` if it was lost before it could begin.
    pub(super) fn begin<R>(
        &self,
        (id, fence): (i64, i64),
        spawn: impl FnOnce() -> (R, AbortHandle),
    ) -> Option<R> {
        let mut held = self.lock();
        let hold = held.get_mut(&id).filter(|hold| hold.fence == fence)?;
        let (result, task) = spawn();
        hold.task = Some(task);
        Some(result)
    }

    /// Lets go of a job, so that no renewal meets the statement that ends it. One that is held under another fence by
    /// now stays.
    pub(super) fn remove(&self, (id, fence): (i64, i64)) -> Option<Hold> {
        let mut held = self.lock();
        held.get(&id).filter(|hold| hold.fence == fence)?;
        held.remove(&id)
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
        let mut lost = 0;
        for &claim in asked.iter().filter(|(id, _)| !kept.contains(id)) {
            // One that ended while we asked is no longer here.
            if let Some(hold) = self.remove(claim) {
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

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio_util::task::TaskTracker;

    use super::*;

    // JOB-1
    #[tokio::test]
    async fn a_job_that_is_claimed_anew_runs_under_the_new_claim_alone() {
        let (held, tracker) = (Held::default(), TaskTracker::new());
        let begin = |claim| {
            held.begin(claim, || {
                let task = tracker.spawn(pending::<()>());
                let handle = task.abort_handle();
                (task, handle)
            })
        };
        held.add([(7, 1)]);
        let older = begin((7, 1)).unwrap();
        held.add([(7, 2)]);
        assert!(older.await.unwrap_err().is_cancelled());
        assert!(begin((7, 1)).is_none());
        let newer = begin((7, 2)).unwrap();
        // What the older one does at its end, and what is learnt of its claim, is nothing to the newer one.
        assert!(held.remove((7, 1)).is_none());
        assert_eq!(held.lose(&[(7, 1)], &[]), 0);
        assert_eq!(held.claims(), [(7, 2)]);
        assert_eq!(held.lose(&[(7, 2)], &[]), 1);
        assert!(newer.await.unwrap_err().is_cancelled());
    }
}
