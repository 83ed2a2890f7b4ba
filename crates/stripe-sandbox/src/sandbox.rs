//! The sandbox: its state behind one lock, and the one way to change it.

mod deliveries;
mod mischief;
mod time;
mod transaction;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use runtime::Clock;
use serde_json::Value;
use tokio::sync::Notify;

pub(crate) use transaction::Transaction;

use crate::config::Config;
use crate::error::ApiError;
use crate::faults::{Broken, Fault, Faults};
use crate::idempotency::{Answer, Asked};
use crate::journal::{Journal, JournalError};
use crate::objects::Cause;
use crate::state::{Record, State};

/// What a request came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ran.
    Ran(Result<Value, ApiError>),
    /// It ran before, under the same key.
    Replayed(Answer),
    /// It went wrong on demand, before anything was done.
    Broken(Broken),
}

/// State, journal, clock.
pub(crate) struct Sandbox {
    config: Config,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
    webhooks: Notify,
    faults: Mutex<Faults>,
}

struct Inner {
    state: State,
    journal: Journal,
}

impl Sandbox {
    /// Opens the journal, if there is to be one, and takes up what it holds.
    pub(crate) async fn open(config: Config, clock: Arc<dyn Clock>) -> Result<Self, JournalError> {
        let started = Instant::now();
        let mut state = State::default();
        let now = clock.now().unix_timestamp();
        let journal = match &config.data_file {
            None => Journal::Memory,
            Some(path) => {
                Journal::open(path, &mut state, State::apply, |state, each| {
                    state.dump(now, each)
                })
                .await?
            }
        };
        if config.data_file.is_some() {
            let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (intents, events) = (state.intents.rows().len(), state.events.rows().len());
            tracing::info!(intents, events, ms, "opened the journal");
        }
        Ok(Self {
            config,
            clock,
            inner: Mutex::new(Inner { state, journal }),
            webhooks: Notify::new(),
            faults: Mutex::default(),
        })
    }

    /// The settings.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Whether changes can be written.
    pub(crate) fn writable(&self) -> Result<(), String> {
        if self.lock().journal.writable() {
            Ok(())
        } else {
            Err("the journal cannot be written".to_owned())
        }
    }

    /// Looks something up, at a time in seconds.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State, i64) -> T) -> T {
        self.settle();
        let inner = self.lock();
        look(&inner.state, self.now_in(&inner.state))
    }

    /// Runs a request that changes something. What it changed, the events and the outcome that its key will give
    /// again are written to the journal in one piece before this returns; an error of `run` keeps what `run`
    /// changed until then, as a declined card does.
    pub(crate) async fn write(
        &self,
        asked: Option<Asked>,
        cause: Cause,
        fault: Option<Fault>,
        run: impl FnOnce(&mut Transaction<'_>) -> Result<Value, ApiError>,
    ) -> Outcome {
        self.settle();
        let claim = match asked.map(|asked| self.claim(asked)).transpose() {
            Err(error) => return Outcome::Ran(Err(error)),
            Ok(claim) => claim,
        };
        // The key is claimed and nothing is done yet.
        if let Some(fault) = fault
            && let Err(broken) = fault.before().await
        {
            return Outcome::Broken(broken);
        }
        let claim = match claim {
            Some(Claim::Ran(answer)) => return Outcome::Replayed(answer),
            Some(Claim::Mine(running)) => Some(running),
            None => None,
        };
        let asked = claim.as_ref().map(|running| &running.asked);
        Outcome::Ran(self.execute(asked, cause, run))
    }

    fn execute(
        &self,
        asked: Option<&Asked>,
        cause: Cause,
        run: impl FnOnce(&mut Transaction<'_>) -> Result<Value, ApiError>,
    ) -> Result<Value, ApiError> {
        let mut inner = self.lock();
        let Inner { state, journal } = &mut *inner;
        let now = self.now_in(state);
        let request = cause.request.clone().unwrap_or_default();
        let mut transaction = Transaction::new(state, now, cause, &self.config);
        let outcome = run(&mut transaction);
        let mut record = transaction.into_record();
        if let Some(asked) = asked {
            record.answer = answer(asked, now, request, &outcome);
        }
        self.commit(journal, record).map(|record| state.apply(record))?;
        outcome
    }

    /// Writes `record`, and wakes who waits for events.
    fn commit(&self, journal: &mut Journal, record: Record) -> Result<Record, ApiError> {
        if record.is_empty() {
            return Ok(record);
        }
        if let Err(error) = journal.append(&record) {
            tracing::error!(%error, "a change was refused");
            return Err(ApiError::journal());
        }
        if !record.queued.is_empty() || record.ahead.is_some() {
            self.webhooks.notify_one();
        }
        Ok(record)
    }

    fn claim(&self, asked: Asked) -> Result<Claim<'_>, ApiError> {
        let mut inner = self.lock();
        let now = self.now_in(&inner.state);
        let begun = inner.state.keys.begin(&asked, now)?;
        drop(inner);
        Ok(match begun {
            Some(answer) => Claim::Ran(answer),
            None => Claim::Mine(Running { sandbox: self, asked }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // State is changed by `apply` alone, after all that can fail.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Claim<'a> {
    Ran(Answer),
    Mine(Running<'a>),
}

/// A key whose request runs, until this is dropped.
struct Running<'a> {
    sandbox: &'a Sandbox,
    asked: Asked,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.sandbox.lock().state.keys.release(&self.asked.key);
    }
}

/// What the key gives from now on. A request that was refused for its form leaves its key unused.
fn answer(asked: &Asked, now: i64, request: String, outcome: &Result<Value, ApiError>) -> Option<Answer> {
    let (status, body) = match outcome {
        Ok(body) => (200, body.clone()),
        Err(error) if error.outcome => (error.status.as_u16(), error.body()),
        Err(_) => return None,
    };
    Some(Answer {
        key: asked.key.clone(),
        path: asked.path.clone(),
        fingerprint: asked.fingerprint.clone(),
        created: now,
        request,
        status,
        body: serde_json::value::to_raw_value(&body).ok()?,
    })
}
