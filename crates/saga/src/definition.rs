//! What a service writes to define a saga: its steps, and what running and undoing each one does.

use std::fmt;

use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use crate::machine::Refused;
use crate::policy::Policy;

/// A sequence of steps over several parties that ends either wholly done or wholly taken back.
pub trait Saga: Send + Sync + 'static {
    /// Stored with each run; never renamed.
    const NAME: &'static str;
    /// Raised when the steps change order or meaning; old runs finish under an engine of their own version.
    const VERSION: u16;
    /// A plain enum. `run` and `undo` match on it without `_`.
    type Step: Step;
    /// What has been learnt so far; saved after each step, so that a crash forgets nothing.
    type State: Clone + Serialize + DeserializeOwned + Send + Sync + 'static;

    /// Does one step. Called again with the same key after any doubt, and after a step that parked is woken.
    ///
    /// `state` is a copy; it is kept only if the step answers with a [`Progress`].
    fn run(
        &self,
        step: Self::Step,
        key: &Key,
        state: &mut Self::State,
    ) -> impl Future<Output = Result<Progress, StepError>> + Send;

    /// Takes one forward step back, called with the key that `run` had. Called for steps that ran *or may
    /// have run*: it works from the key, "nothing there" is success, and a late `run` with the same key must
    /// be refused from then on. Never called for a step after the pivot, nor for one of the branch.
    ///
    /// `awaited` says whether somebody waits for the outcome and will hear of it: whoever called
    /// [`Engine::drive`](crate::Engine::drive), unless it has answered already, or soon will, that the saga goes on.
    fn undo(
        &self,
        step: Self::Step,
        key: &Key,
        state: &Self::State,
        awaited: bool,
    ) -> impl Future<Output = Result<(), UndoError>> + Send;

    /// Wraps the work on one saga, so that its logs and calls can carry the trace of the request that started
    /// it. Called in the task of whoever asks for the work, before that moves to a task of its own. By default
    /// the work is left as it is.
    fn scoped(&self, trace: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let _ = trace;
        work
    }
}

/// The steps of a [`Saga`], with their order and their limits.
pub trait Step: Copy + fmt::Debug + Eq + Send + Sync + 'static {
    /// In order of execution.
    const FORWARD: &'static [Self];
    /// Another way to an end, entered by [`Progress::Divert`] at or after the pivot; forward only. Usually
    /// empty, in which case diverting ends the saga at once.
    const BRANCH: &'static [Self];
    /// The forward step whose success is the point of no return. Until it succeeded, it and the steps before
    /// it are undone on failure; afterwards there is only forward. The last step here: every step can be
    /// undone. `None`: no step ever is, and a refusal leaves the saga stuck.
    const PIVOT: Option<Self>;

    /// Part of the step's key; never renamed, and unique in the saga.
    fn name(self) -> &'static str;
    /// Its timeout, and how long it is tried again.
    fn policy(self) -> Policy;
    /// Whether its success is written down together with the next step's answer, which saves a commit. After a crash
    /// in between it is called again although the next step was called, so that must change nothing, and it should ask
    /// nobody who may be away: if it does not succeed this time, the next one is taken back with it. What it learns must
    /// be of no use to anybody before it is written down. Not for the pivot.
    fn is_recorded_later(self) -> bool {
        false
    }
}

/// How a step went that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// On to the next one.
    Done,
    /// Nothing to do yet. Run again when the saga is woken, or at this time at the latest.
    Park {
        /// When waiting ends.
        until: OffsetDateTime,
    },
    /// Leave the way forward, at or after the pivot, for the branch: money is there, the stock is not.
    Divert,
}

/// Why a step did not do its work.
#[derive(Debug)]
pub enum StepError {
    /// A clear no; this call changed nothing over there. The steps before are undone, and this one too if an
    /// earlier call of it may still arrive.
    Refused(Refused),
    /// Anything else: it may have happened. Tried again; when its time is over, this step is undone too.
    Unknown(anyhow::Error),
}

impl StepError {
    /// A clear no; see [`Refused`].
    pub fn refused(code: impl Into<String>, detail: serde_json::Value) -> Self {
        Self::Refused(Refused {
            code: code.into(),
            detail,
        })
    }

    /// It may have happened, or not.
    pub fn unknown(error: impl Into<anyhow::Error>) -> Self {
        Self::Unknown(error.into())
    }
}

/// `?` on any error means that the outcome is unknown; a refusal is always said explicitly.
impl<E: Into<anyhow::Error>> From<E> for StepError {
    fn from(error: E) -> Self {
        Self::Unknown(error.into())
    }
}

/// A step could not be taken back yet. It is tried again.
#[derive(Debug)]
pub struct UndoError(pub anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for UndoError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// `{saga}/{step}`: the same on every attempt, after every crash, on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    saga_id: i64,
    step: &'static str,
}

impl Key {
    /// The key of one step of one saga.
    #[must_use]
    pub const fn new(saga_id: i64, step: &'static str) -> Self {
        Self { saga_id, step }
    }

    /// The saga's row.
    #[must_use]
    pub const fn saga_id(&self) -> i64 {
        self.saga_id
    }

    /// The step's name.
    #[must_use]
    pub const fn step(&self) -> &'static str {
        self.step
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.saga_id, self.step)
    }
}
