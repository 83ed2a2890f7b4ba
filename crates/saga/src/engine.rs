//! What a service holds of the engine: starting, waking and reading sagas of one kind.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pg::fold::Fold;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::Clock;

use crate::asker::Asker;
use crate::definition::Saga;
use crate::driver::Patience;
use crate::error::SagaError;
use crate::fault::FaultHook;
use crate::machine::after;
use crate::older::Older;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::store::insert::NewSaga;
use crate::store::save::Saves;
use crate::store::{self, Definition, Held, Lease};
use crate::view::{self, View};

/// How an engine works. All engines of one database share the same lease.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// This process, for whoever reads the rows. Safety does not depend on it.
    pub owner: String,
    /// Whose engine it is, for metrics.
    pub service: &'static str,
    /// How long a saga is held; renewed while it is driven. A dead process's sagas wait this long.
    pub lease: Duration,
    /// How often to look for what is due. A shorter pause between two attempts is waited out by the driver; a
    /// longer one is left to whoever looks then.
    pub poll: Duration,
    /// How many sagas the workers of one engine drive at a time.
    pub concurrency: usize,
}

impl EngineSettings {
    /// A lease of 15 s, a look each second, 16 sagas at a time.
    #[must_use]
    pub fn new(owner: impl Into<String>, service: &'static str) -> Self {
        Self {
            owner: owner.into(),
            service,
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            concurrency: 16,
        }
    }

    /// How often a lease is renewed: two renewals may fail before it runs out.
    pub(crate) fn renewal(&self) -> Duration {
        self.lease / 3
    }
}

/// Runs the sagas of one definition in one database. Cheap to clone; the clones are one engine.
pub struct Engine<S: Saga> {
    pub(crate) saga: Arc<S>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) pool: PgPool,
    /// Writes down what attempts led to.
    pub(crate) saves: Fold<Saves>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Arc<EngineSettings>,
    pub(crate) faults: Option<Arc<dyn FaultHook>>,
    /// The process's tasks; shutdown waits for them.
    pub(crate) tracker: TaskTracker,
    /// Those of them that drive a saga of this engine.
    pub(crate) drives: TaskTracker,
    pub(crate) nudged: Arc<Notify>,
    /// Cancelled when the workers are told to stop.
    pub(crate) closing: CancellationToken,
    /// Engines of the definitions of before.
    pub(crate) older: Vec<Arc<dyn Older>>,
}

/// A saga that was started and that this process holds for one lease.
#[must_use = "drive it after the commit; otherwise it waits until its lease runs out"]
pub struct Started<S: Saga> {
    held: Held,
    state: S::State,
    kept: Option<Box<dyn Send + Sync>>,
}

impl<S: Saga> Started<S> {
    /// The same, which keeps `kept` until its drive ends, however long the caller waits for that: a place among those
    /// that may be driven at once. What the drive leaves to the workers is not its own any more.
    pub fn keeping(self, kept: impl Send + Sync + 'static) -> Self {
        Self {
            kept: Some(Box::new(kept)),
            ..self
        }
    }

    /// Its row.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.held.id
    }

    /// What it is about.
    #[must_use]
    pub fn subject_id(&self) -> i64 {
        self.held.subject_id
    }
}

impl<S: Saga> fmt::Debug for Started<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started")
            .field("saga", &S::NAME)
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

impl<S: Saga> Clone for Engine<S> {
    fn clone(&self) -> Self {
        Self {
            saga: Arc::clone(&self.saga),
            plan: Arc::clone(&self.plan),
            pool: self.pool.clone(),
            saves: self.saves.clone(),
            clock: Arc::clone(&self.clock),
            settings: Arc::clone(&self.settings),
            faults: self.faults.clone(),
            tracker: self.tracker.clone(),
            drives: self.drives.clone(),
            nudged: Arc::clone(&self.nudged),
            closing: self.closing.clone(),
            older: self.older.clone(),
        }
    }
}

impl<S: Saga> fmt::Debug for Engine<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("saga", &S::NAME)
            .field("version", &S::VERSION)
            .finish_non_exhaustive()
    }
}

impl<S: Saga> Engine<S> {
    /// An engine over `pool`, whose tasks are spawned on `tracker`. It does nothing by itself: see
    /// [`drive`](Self::drive) and [`work`](Self::work).
    #[must_use]
    pub fn new(
        saga: S,
        pool: PgPool,
        clock: Arc<dyn Clock>,
        tracker: TaskTracker,
        settings: EngineSettings,
    ) -> Self {
        let plan = Arc::new(Plan::of::<S::Step>());
        crate::gauges::describe();
        let drives = TaskTracker::new();
        // Only a closed tracker can be waited for; it takes new tasks all the same.
        drives.close();
        Self {
            saga: Arc::new(saga),
            saves: Fold::new(
                Saves {
                    pool: pool.clone(),
                    plan: Arc::clone(&plan),
                },
                tracker.clone(),
            ),
            plan,
            pool,
            clock,
            settings: Arc::new(settings),
            faults: None,
            tracker,
            drives,
            nudged: Arc::default(),
            closing: CancellationToken::new(),
            older: Vec::new(),
        }
    }

    /// The same engine, which asks `hook` at each point of each attempt whether something goes wrong there.
    #[must_use]
    pub fn with_faults(self, hook: Arc<dyn FaultHook>) -> Self {
        Self {
            faults: Some(hook),
            ..self
        }
    }

    /// Starts a saga in the caller's transaction, held by this process: [`drive`](Self::drive) it after the
    /// commit. If the transaction is rolled back, nothing was started.
    ///
    /// `trace` is the `traceparent` of the request, for [`Saga::scoped`].
    ///
    /// # Errors
    /// [`SagaError::AlreadyStarted`] if the subject has one, running or ended; the transaction goes on. The
    /// database did not answer, or `state` is not JSON.
    pub async fn start(
        &self,
        conn: &mut PgConnection,
        subject_id: i64,
        state: S::State,
        trace: Option<String>,
    ) -> Result<Started<S>, SagaError> {
        let started = self.start_all(conn, vec![(subject_id, state, trace)]).await?;
        let already = SagaError::AlreadyStarted {
            name: S::NAME,
            subject_id,
        };
        started.into_iter().next().flatten().ok_or(already)
    }

    /// [`start`](Self::start) for many subjects, no two of them the same, in one statement. `None` for each that has one
    /// already; in the order of `new`.
    ///
    /// # Errors
    /// The database did not answer, or a state is not JSON.
    pub async fn start_all(
        &self,
        conn: &mut PgConnection,
        new: Vec<(i64, S::State, Option<String>)>,
    ) -> Result<Vec<Option<Started<S>>>, SagaError> {
        let now = self.clock.now();
        let held = self.insert(conn, &new, Some(self.lease(now)), now).await?;
        let started = held.into_iter().zip(new);
        Ok(started
            .map(|(held, (_, state, _))| {
                held.map(|held| Started {
                    held,
                    state,
                    kept: None,
                })
            })
            .collect())
    }

    /// Starts a saga in the caller's transaction, for the workers: [`nudge`](Self::nudge) them after the commit.
    /// False if the subject has one, running or ended.
    ///
    /// # Errors
    /// The database did not answer, or `state` is not JSON.
    pub async fn enqueue(
        &self,
        conn: &mut PgConnection,
        subject_id: i64,
        state: S::State,
        trace: Option<String>,
    ) -> Result<bool, SagaError> {
        let held = self
            .insert(conn, &[(subject_id, state, trace)], None, self.clock.now())
            .await?;
        Ok(held.iter().any(Option::is_some))
    }

    async fn insert(
        &self,
        conn: &mut PgConnection,
        new: &[(i64, S::State, Option<String>)],
        lease: Option<Lease<'_>>,
        now: OffsetDateTime,
    ) -> Result<Vec<Option<Held>>, SagaError> {
        let row = |(subject_id, state, trace): &(i64, S::State, Option<String>)| {
            Ok(NewSaga {
                subject_id: *subject_id,
                data: Self::write_state(state)?,
                trace: trace.clone().unwrap_or_default(),
            })
        };
        let rows = new.iter().map(row).collect::<Result<_, SagaError>>()?;
        let held = store::insert::insert(conn, &self.plan, Self::definition(), rows, lease, now).await?;
        let count = held.iter().flatten().count();
        metrics::counter!("saga_started_total", "service" => self.settings.service, "saga" => S::NAME)
            .increment(count.try_into().unwrap_or_default());
        Ok(held)
    }

    /// Drives a saga that was started and committed, and answers how it stands: at its end or parked, at the
    /// latest after `within`. What is not known by then is [`Outcome::StillRunning`] and goes on without the
    /// caller, who may also go away at any time.
    pub async fn drive(&self, started: Started<S>, within: Duration) -> Outcome<S::State> {
        let (answer, answered) = oneshot::channel();
        let until = tokio::time::Instant::now() + within;
        let asker = Asker::new(answer, (until, within), started.kept);
        self.spawn(started.held, Some(started.state), Some(asker));
        match tokio::time::timeout_at(until, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Outcome::StillRunning,
        }
    }

    /// Drives `held` in a task of its own, which outlives whoever waits for it. The task's end is the answer.
    pub(crate) fn spawn(
        &self,
        held: Held,
        state: Option<S::State>,
        asker: Option<Asker<S::State>>,
    ) -> tokio::task::JoinHandle<()> {
        let engine = self.clone();
        let trace = held.trace.clone();
        let work = async move { engine.finish(held, state, Patience::ShortPauses, asker).await };
        let work = self.saga.scoped(&trace, Box::pin(work));
        self.tracker.spawn(self.drives.track_future(work))
    }

    /// Notes in the caller's transaction that something happened which the subject's saga may wait for. Parked,
    /// it becomes due: [`nudge`](Self::nudge) the workers after the commit. If a step of it runs just now, it is
    /// run once more before it parks. False if there is none that has not ended.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn wake(&self, conn: &mut PgConnection, subject_id: i64) -> Result<bool, SagaError> {
        store::wake(conn, S::NAME, subject_id, self.clock.now()).await
    }

    /// Tells the workers to look now.
    pub fn nudge(&self) {
        self.nudged.notify_one();
        for older in &self.older {
            older.nudge();
        }
    }

    /// The subject's saga with its log, if there is one.
    ///
    /// # Errors
    /// The database did not answer, or the row names a state that this program does not know.
    pub async fn find(&self, conn: &mut PgConnection, subject_id: i64) -> Result<Option<View>, SagaError> {
        view::find(conn, S::NAME, subject_id).await
    }

    pub(crate) const fn definition() -> Definition {
        Definition {
            name: S::NAME,
            version: S::VERSION,
        }
    }

    pub(crate) fn lease(&self, now: OffsetDateTime) -> Lease<'_> {
        Lease {
            owner: &self.settings.owner,
            until: after(now, self.settings.lease),
        }
    }

    pub(crate) fn write_state(state: &S::State) -> Result<Value, SagaError> {
        serde_json::to_value(state).map_err(|source| SagaError::State {
            name: S::NAME,
            source,
        })
    }

    pub(crate) fn read_state(data: &Value) -> Result<S::State, SagaError> {
        <S::State as serde::Deserialize>::deserialize(data).map_err(|source| SagaError::State {
            name: S::NAME,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_renewals_may_fail_before_a_lease_runs_out() {
        let settings = EngineSettings::new("first", "test");
        assert!(settings.renewal() * 2 < settings.lease);
        assert!(settings.renewal() * 4 > settings.lease);
    }
}
