//! What runs the jobs of one kind, and what it may cost.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::Instant;

use super::finish::{Ended, Verdict};
use super::types::{Job, Wanted};

/// How an attempt failed. The text is kept in the job's row: no personal data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Trying again may help.
    #[error("{0}")]
    Again(String),
    /// Trying again will not help: the job is dead at once.
    #[error("{0}")]
    Never(String),
}

/// The pauses between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The upper bound of the first pause; doubled for each further one.
    pub base: Duration,
    /// The upper bound of every pause.
    pub cap: Duration,
}

impl Default for Retry {
    /// From a second to ten minutes: ten attempts take half an hour at most.
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(600),
        }
    }
}

impl Retry {
    /// The pause after the attempt with the number `attempt`: anything from nothing to the exponential bound, as
    /// `jitter` says as a fraction of `u32::MAX` ("full jitter").
    #[must_use]
    pub fn pause(&self, attempt: u16, jitter: u32) -> Duration {
        let doublings = u32::from(attempt.saturating_sub(1)).min(31);
        let bound = self.base.saturating_mul(1 << doublings).min(self.cap);
        let nanos = bound.as_nanos() * u128::from(jitter) / u128::from(u32::MAX);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

type Run = Arc<dyn Fn(Job) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// Runs the jobs of one kind.
#[derive(Clone)]
pub struct Handler {
    pub(super) queue: &'static str,
    pub(super) kind: &'static str,
    pub(super) concurrency: usize,
    pub(super) timeout: Duration,
    pub(super) retry: Retry,
    pub(super) run: Run,
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler")
            .field("queue", &self.queue)
            .field("kind", &self.kind)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

impl Handler {
    /// `run` does the jobs of `kind` in `queue`: eight at a time, a minute each at most. It may be called more than
    /// once per job, and may be dropped at any `await` when the process stops or has lost the job.
    pub fn new<F, R>(queue: &'static str, kind: &'static str, run: R) -> Self
    where
        R: Fn(Job) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        Self {
            queue,
            kind,
            concurrency: 8,
            timeout: Duration::from_secs(60),
            retry: Retry::default(),
            run: Arc::new(move |job| Box::pin(run(job))),
        }
    }

    /// The same, with so many at a time. These places are this kind's own: however slow its jobs, no other kind waits
    /// for them.
    #[must_use]
    pub fn concurrency(mut self, most: usize) -> Self {
        self.concurrency = most.max(1);
        self
    }

    /// The same, with another bound for one attempt.
    #[must_use]
    pub const fn timeout(mut self, most: Duration) -> Self {
        self.timeout = most;
        self
    }

    /// The same, with other pauses between attempts.
    #[must_use]
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    pub(super) fn runs(&self, job: &Job) -> bool {
        self.queue == job.queue && self.kind == job.kind
    }

    pub(super) fn wanted(&self, room: usize) -> Wanted<'_> {
        Wanted {
            queue: self.queue,
            kind: self.kind,
            room,
        }
    }

    /// Runs `job` once, and tells metrics and the log what came of it.
    pub(super) async fn attempt(&self, job: Job, service: &'static str) -> Ended {
        let (id, fence, counts) = (job.id, job.fence, (job.attempt, job.max_attempts));
        let (queue, kind) = (self.queue, self.kind);
        let began = Instant::now();
        let run = AssertUnwindSafe(async { (self.run)(job).await }).catch_unwind();
        let outcome = match tokio::time::timeout(self.timeout, run).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_panic)) => Err(Failure::Again("the job panicked".to_owned())),
            Err(_elapsed) => Err(Failure::Again(format!("not done within {:?}", self.timeout))),
        };
        let verdict = self.judge(counts, outcome);
        let ended = match &verdict {
            Verdict::Done => "done",
            Verdict::Again { .. } => "failed",
            Verdict::Dead { .. } => "dead",
        };
        metrics::histogram!("job_seconds", "service" => service, "queue" => queue, "kind" => kind)
            .record(began.elapsed().as_secs_f64());
        metrics::counter!("jobs_ended_total", "service" => service, "queue" => queue, "kind" => kind, "outcome" => ended)
            .increment(1);
        let attempt = counts.0;
        match &verdict {
            Verdict::Done => tracing::debug!(queue, kind, job.id = id, attempt, "a job is done"),
            Verdict::Again { error, .. } => {
                tracing::warn!(
                    queue,
                    kind,
                    job.id = id,
                    attempt,
                    error,
                    "a job failed; it will be tried again"
                );
            }
            Verdict::Dead { error } => {
                tracing::error!(
                    queue,
                    kind,
                    job.id = id,
                    attempt,
                    error,
                    "a job is dead; requeue it once its cause is mended"
                );
            }
        }
        Ended { id, fence, verdict }
    }

    /// What is to be written about a job after an attempt.
    fn judge(&self, attempt: (u16, u16), outcome: Result<(), Failure>) -> Verdict {
        let (this, most) = attempt;
        match outcome {
            Ok(()) => Verdict::Done,
            Err(Failure::Never(error)) => Verdict::Dead { error },
            Err(Failure::Again(error)) if this >= most => Verdict::Dead { error },
            Err(Failure::Again(error)) => Verdict::Again {
                pause: self.retry.pause(this, rand::random()),
                error,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // JOB-1
    #[test]
    fn pauses_are_drawn_from_an_exponential_bound_with_full_jitter() {
        let retry = Retry::default();
        let bounds: Vec<u64> = (1..=11).map(|n| retry.pause(n, u32::MAX).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600]);
        assert_eq!(retry.pause(u16::MAX, u32::MAX).as_secs(), 600);
        assert_eq!(retry.pause(5, 0), Duration::ZERO);
        assert!(retry.pause(1, u32::MAX / 2).abs_diff(Duration::from_millis(500)) < Duration::from_micros(1));
    }

    // JOB-1
    #[test]
    fn the_last_attempt_and_a_hopeless_one_end_in_death() {
        let handler = Handler::new("q", "k", async |_job| Ok(()));
        let again = || Err(Failure::Again("no answer".to_owned()));
        assert!(matches!(handler.judge((2, 3), again()), Verdict::Again { .. }));
        assert!(matches!(handler.judge((3, 3), again()), Verdict::Dead { .. }));
        let never = Err(Failure::Never("no such order".to_owned()));
        assert!(matches!(handler.judge((1, 3), never), Verdict::Dead { .. }));
        assert_eq!(handler.judge((3, 3), Ok(())), Verdict::Done);
    }
}
