//! What a service holds of its queues.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use types::Clock;

use super::claim::{claim, reap};
use super::finish::{Ended, finish};
use super::handler::Handler;
use super::schedule::{self, Schedule, tick};
use super::types::{Job, Wanted};

/// How the workers of one process work.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose queues they are, for metrics.
    pub service: &'static str,
    /// How long a job is held; renewed three times as often. A dead process's jobs wait this long.
    pub lease: Duration,
    /// How often to look for what is due without being nudged.
    pub poll: Duration,
    /// How often to look for jobs whose worker was lost and for schedules that are due. With the lease, it bounds how
    /// long a lost job waits.
    pub tidy: Duration,
    /// How often to count what the queues hold.
    pub report: Duration,
    /// How long a process that stops waits for jobs under way before it hands them back.
    pub grace: Duration,
    /// Jobs of one kind held ahead of those that run, at most.
    pub ahead: usize,
    /// How long to keep what is done; nothing is kept without it.
    pub keep_done: Option<Duration>,
}

impl Settings {
    /// A lease of 15 s, a look each second, lost jobs found within 5 s more, 10 s to stop; what is done goes.
    #[must_use]
    pub const fn new(service: &'static str) -> Self {
        Self {
            service,
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            tidy: Duration::from_secs(5),
            report: Duration::from_secs(15),
            grace: Duration::from_secs(10),
            ahead: 500,
            keep_done: None,
        }
    }
}

/// The queues of one service in its database. Cheap to clone; the clones nudge the same workers.
#[derive(Clone)]
pub struct Queues {
    pub(super) pool: PgPool,
    pub(super) clock: Arc<dyn Clock>,
    /// The process's tasks; shutdown waits for them.
    pub(super) tracker: TaskTracker,
    pub(super) settings: Arc<Settings>,
    pub(super) handlers: Vec<Handler>,
    pub(super) schedules: Vec<Schedule>,
    pub(super) nudged: Arc<Notify>,
}

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queues")
            .field("handlers", &self.handlers)
            .field("schedules", &self.schedules)
            .finish_non_exhaustive()
    }
}

impl Queues {
    /// Queues over `pool` that nobody works on yet; jobs run as tasks of `tracker`.
    #[must_use]
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, tracker: TaskTracker, settings: Settings) -> Self {
        super::clerk::describe();
        Self {
            pool,
            clock,
            tracker,
            settings: Arc::new(settings),
            handlers: Vec::new(),
            schedules: Vec::new(),
            nudged: Arc::default(),
        }
    }

    /// The same queues, whose workers run jobs of this kind too. A second handler of a kind replaces the first.
    #[must_use]
    pub fn with(mut self, handler: Handler) -> Self {
        self.handlers
            .retain(|known| (known.queue, known.kind) != (handler.queue, handler.kind));
        self.handlers.push(handler);
        self
    }

    /// The same queues, whose workers enqueue this job when it is due.
    #[must_use]
    pub fn every(mut self, schedule: Schedule) -> Self {
        self.schedules.push(schedule);
        self
    }

    /// Tells the workers of this process to look now; after a commit that enqueued something.
    pub fn nudge(&self) {
        self.nudged.notify_one();
    }

    /// Runs all that is due now until nothing is; for tests, which move the clock in between. Returns how many
    /// attempts were made.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn run_due(&self) -> Result<usize, sqlx::Error> {
        schedule::register(&self.pool, &self.schedules, self.clock.now()).await?;
        let mut count = 0;
        loop {
            self.tidy().await?;
            let wanted: Vec<Wanted<'_>> = self.handlers.iter().map(|h| h.wanted(h.concurrency)).collect();
            let jobs = claim(&self.pool, &wanted, self.clock.now(), self.settings.lease).await?;
            if jobs.is_empty() {
                return Ok(count);
            }
            count += jobs.len();
            let ended = join_all(jobs.into_iter().filter_map(|job| self.attempt(job))).await;
            self.write(ended).await?;
        }
    }

    /// Takes jobs back from workers that are gone, and enqueues what is due by the clock. Returns how many wait now.
    pub(super) async fn tidy(&self) -> Result<u64, sqlx::Error> {
        let now = self.clock.now();
        let reaped = reap(&self.pool, &self.queues(), now).await?;
        if reaped > 0 {
            tracing::warn!(jobs = reaped, "jobs were taken back from workers that are gone");
        }
        let fired = tick(&self.pool, &self.schedules, now).await?;
        Ok(reaped + u64::try_from(fired).unwrap_or(u64::MAX))
    }

    /// Writes down how jobs ended.
    pub(super) async fn write(&self, ended: Vec<Ended>) -> Result<(), sqlx::Error> {
        let count = u64::try_from(ended.len()).unwrap_or(u64::MAX);
        let keep_done = self.settings.keep_done.is_some();
        let written = finish(&self.pool, ended, self.clock.now(), keep_done).await?;
        if written < count {
            tracing::warn!(
                jobs = count - written,
                "jobs ended here that another worker had taken over"
            );
        }
        Ok(())
    }

    /// The names of the queues that have a handler here.
    pub(super) fn queues(&self) -> Vec<String> {
        let mut names: Vec<String> = self.handlers.iter().map(|h| h.queue.to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn attempt(&self, job: Job) -> Option<impl Future<Output = Ended>> {
        let handler = self.handlers.iter().find(|h| h.runs(&job))?.clone();
        let service = self.settings.service;
        Some(async move { handler.attempt(job, service).await })
    }
}
