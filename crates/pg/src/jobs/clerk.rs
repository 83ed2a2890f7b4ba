//! What is to be seen to now and then: lost jobs, schedules, counts, and what was kept for long enough.

use metrics::Unit;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::queues::Queues;
use super::schedule;
use super::views::{self, Depth};
use crate::gauges::count;

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
            let queue = || depth.queue.clone();
            metrics::gauge!("jobs_due", "service" => service, "queue" => queue()).set(count(depth.due));
            metrics::gauge!("jobs_delayed", "service" => service, "queue" => queue())
                .set(count(depth.delayed));
            metrics::gauge!("jobs_running", "service" => service, "queue" => queue())
                .set(count(depth.running));
            metrics::gauge!("jobs_dead", "service" => service, "queue" => queue()).set(count(depth.dead));
            metrics::gauge!("jobs_oldest_due_seconds", "service" => service, "queue" => queue())
                .set(depth.age(now).as_secs_f64());
        }
        if let Some(keep) = self.settings.keep_done {
            views::prune(&self.pool, now - keep).await?;
        }
        Ok(())
    }
}

/// Says what the series mean.
pub(super) fn describe() {
    metrics::describe_gauge!(
        "jobs_due",
        Unit::Count,
        "Jobs that could run now and wait for a worker."
    );
    metrics::describe_gauge!(
        "jobs_delayed",
        Unit::Count,
        "Jobs whose time has not come, pauses between attempts included."
    );
    metrics::describe_gauge!("jobs_running", Unit::Count, "Jobs that a worker holds.");
    metrics::describe_gauge!(
        "jobs_dead",
        Unit::Count,
        "Jobs that were given up and wait for a person."
    );
    metrics::describe_gauge!(
        "jobs_oldest_due_seconds",
        Unit::Seconds,
        "How long the oldest job that could run has been waiting."
    );
    metrics::describe_histogram!(
        "job_seconds",
        Unit::Seconds,
        "How long one attempt at a job took."
    );
    metrics::describe_counter!(
        "jobs_ended_total",
        Unit::Count,
        "Attempts at jobs, by outcome: done, failed (tried again) or dead (given up)."
    );
}
