//! What is to be seen to now and then: lost jobs, schedules, counts, and what was kept for long enough.

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::queues::Queues;
use super::schedule;
use super::views::{self, Depth};

impl Queues {
    pub(super) async fn clerk(&self, stop: &CancellationToken) {
        let mut tidy = interval(self.settings.tidy);
        let mut report = interval(self.settings.report);
        tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
        report.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut registered = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tidy.tick() => {
                    let tidied = async {
                        if !registered {
                            schedule::register(&self.pool, &self.schedules, self.clock.now()).await?;
                            registered = true;
                        }
                        self.tidy().await
                    };
                    match tidied.await {
                        Ok(0) => {}
                        Ok(_) => self.nudge(),
                        Err(error) => tracing::warn!(%error, "queues could not be tidied; trying again"),
                    }
                }
                _ = report.tick() => if let Err(error) = self.report().await {
                    tracing::warn!(%error, "queues could not be counted; trying again");
                },
            }
        }
    }

    /// Shows what the queues hold as metrics, and forgets what was kept for long enough.
    async fn report(&self) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let depths = {
            let mut conn = self.pool.acquire().await?;
            views::depths(&mut conn, now).await?
        };
        for queue in self.queues() {
            let empty = Depth::empty(queue);
            let depth = depths.iter().find(|d| d.queue == empty.queue).unwrap_or(&empty);
            let service = self.settings.service;
            let show = |name: &'static str, value: f64| {
                metrics::gauge!(name, "service" => service, "queue" => depth.queue.clone()).set(value);
            };
            show("jobs_due", count(depth.due));
            show("jobs_delayed", count(depth.delayed));
            show("jobs_running", count(depth.running));
            show("jobs_dead", count(depth.dead));
            show("jobs_oldest_due_seconds", depth.age(now).as_secs_f64());
        }
        if let Some(keep) = self.settings.keep_done {
            views::prune(&self.pool, now - keep).await?;
        }
        Ok(())
    }
}

/// Exact as far as anybody looks.
fn count(rows: i64) -> f64 {
    f64::from(u32::try_from(rows).unwrap_or(u32::MAX))
}
