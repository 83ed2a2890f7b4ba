//! Workers: they go on with whatever is due and nobody holds.

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use crate::definition::Saga;
use crate::driver::Patience;
use crate::engine::Engine;
use crate::error::SagaError;
use crate::store::{self, Held};

impl<S: Saga> Engine<S> {
    /// Drives what is due until `stop`: started without being driven, woken, to be tried again, or left by a
    /// process that died. Then stops between two writes and gives up what it holds, so that others need not
    /// wait for its leases; inline drives go on as long as somebody waits for them.
    pub async fn work(self, stop: CancellationToken) {
        let older = self.older.iter().map(|older| older.work(stop.clone()));
        let older = futures::future::join_all(older);
        tokio::join!(
            self.clone().report_until(stop.clone()),
            self.work_alone(stop),
            older
        );
    }

    /// Drives what was started under this version.
    pub(crate) async fn work_alone(self, stop: CancellationToken) {
        let mut running = FuturesUnordered::new();
        while !stop.is_cancelled() {
            let free = self.settings.concurrency.max(1).saturating_sub(running.len());
            if free > 0 {
                match self.claim(free).await {
                    Ok(claimed) => {
                        running.extend(claimed.into_iter().map(|held| self.spawn(held, None, None)))
                    }
                    Err(error) => {
                        let error = format!("{:#}", anyhow::Error::new(error));
                        tracing::warn!(
                            saga = S::NAME,
                            error,
                            "no look for sagas that are due; trying again"
                        );
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                Some(_) = running.next() => {}
                () = self.nudged.notified() => {}
                () = tokio::time::sleep(self.settings.poll) => {}
            }
        }
        self.closing.cancel();
        while running.next().await.is_some() {}
    }

    /// Drives all that is due now until nothing is, and waits for the inline drives that were left by their
    /// callers; for tests, which move the clock in between. Returns how often a saga was taken up.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn run_due(&self) -> Result<usize, SagaError> {
        let mut count = self.run_due_alone().await?;
        for older in &self.older {
            count += older.run_due().await?;
        }
        Ok(count)
    }

    pub(crate) async fn run_due_alone(&self) -> Result<usize, SagaError> {
        let mut count = 0;
        loop {
            self.drives.wait().await;
            let claimed = self.claim(self.settings.concurrency.max(1)).await?;
            if claimed.is_empty() {
                return Ok(count);
            }
            count += claimed.len();
            let drives = claimed.into_iter().map(|held| {
                let (engine, trace) = (self.clone(), held.trace.clone());
                let work = async move { engine.finish(held, None, Patience::None, None).await };
                self.saga.scoped(&trace, Box::pin(work))
            });
            futures::future::join_all(drives).await;
        }
    }

    /// Takes up to `limit` sagas that are due. One that cannot be read is left alone for a lease.
    async fn claim(&self, limit: usize) -> Result<Vec<Held>, SagaError> {
        let now = self.clock.now();
        let claimed = store::claim(
            &self.pool,
            &self.plan,
            Self::definition(),
            self.lease(now),
            now,
            limit,
        )
        .await?;
        let readable = claimed.into_iter().filter_map(|held| {
            held.inspect_err(|error| tracing::error!(saga = S::NAME, %error, "a saga cannot be taken up"))
                .ok()
        });
        Ok(readable.collect())
    }
}
