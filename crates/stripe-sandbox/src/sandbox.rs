//! The sandbox: its state behind one lock, and the one way to change it.

mod transaction;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use runtime::Clock;
use serde_json::Value;
use tokio::sync::Notify;

pub(crate) use transaction::Transaction;

use crate::config::Config;
use crate::error::ApiError;
use crate::idempotency::{Answer, Asked};
use crate::journal::{Journal, JournalError};
use crate::objects::Cause;
use crate::state::{Record, State};
use crate::webhooks::Job;

/// How long a webhook is tried, in seconds.
const WEBHOOKS_TRIED: i64 = 3 * 24 * 60 * 60;

/// What a request came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It ran.
    Ran(Result<Value, ApiError>),
    /// It ran before, under the same key.
    Replayed(Answer),
}

/// State, journal, clock.
pub(crate) struct Sandbox {
    config: Config,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
    webhooks: Notify,
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
        })
    }

    /// The settings.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The time, in seconds.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }

    /// Whether changes can be written.
    pub(crate) fn writable(&self) -> Result<(), String> {
        if self.lock().journal.writable() {
            Ok(())
        } else {
            Err("the journal cannot be written".to_owned())
        }
    }

    /// Looks something up.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock().state)
    }

    /// Runs a request that changes something. What it changed, the events and the outcome that its key will give
    /// again are written to the journal in one piece before this returns; an error of `run` keeps what `run`
    /// changed until then, as a declined card does.
    pub(crate) fn write(
        &self,
        asked: Option<Asked>,
        cause: Cause,
        run: impl FnOnce(&mut Transaction<'_>) -> Result<Value, ApiError>,
    ) -> Outcome {
        let claim = match asked.map(|asked| self.claim(asked)).transpose() {
            Err(error) => return Outcome::Ran(Err(error)),
            Ok(Some(Claim::Ran(answer))) => return Outcome::Replayed(answer),
            Ok(Some(Claim::Mine(running))) => Some(running),
            Ok(None) => None,
        };
        // The key is claimed and nothing is done yet: this is where a fault on demand would strike.
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
        let now = self.now();
        let request = cause.request.clone().unwrap_or_default();
        let mut transaction = Transaction::new(state, now, cause, self.config.webhook_url.is_some());
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
        if !record.queued.is_empty() {
            self.webhooks.notify_one();
        }
        Ok(record)
    }

    fn claim(&self, asked: Asked) -> Result<Claim<'_>, ApiError> {
        let begun = self.lock().state.keys.begin(&asked, self.now())?;
        Ok(match begun {
            Some(answer) => Claim::Ran(answer),
            None => Claim::Mine(Running { sandbox: self, asked }),
        })
    }

    /// A webhook that is due.
    pub(crate) fn next_webhook(&self) -> Option<Job> {
        let mut inner = self.lock();
        let position = inner.state.queue.take()?;
        let event = inner.state.events.at(position)?;
        let body = serde_json::to_vec_pretty(&event.render(1)).unwrap_or_default();
        Some(Job {
            position,
            event: event.id.clone(),
            body: body.into(),
        })
    }

    /// When the next webhook is due.
    pub(crate) fn next_webhook_at(&self) -> Option<Instant> {
        self.lock().state.queue.next_at()
    }

    /// Returns when there may be webhooks that were not there before.
    pub(crate) async fn webhooks_wait(&self) {
        self.webhooks.notified().await;
    }

    /// What was being delivered when the worker ended is due again.
    pub(crate) fn webhooks_recover(&self) {
        self.lock().state.queue.recover();
    }

    /// Makes all webhooks that wait due now.
    pub(crate) fn hurry_webhooks(&self) {
        self.lock().state.queue.hurry();
        self.webhooks.notify_one();
    }

    /// An attempt is over.
    pub(crate) fn webhook_done(&self, job: &Job, outcome: Result<(), String>) {
        let mut inner = self.lock();
        let Inner { state, journal } = &mut *inner;
        if let Err(why) = outcome {
            let age = state
                .events
                .at(job.position)
                .map_or(0, |event| self.now() - event.created);
            if age < WEBHOOKS_TRIED {
                tracing::debug!(
                    event = job.event,
                    why,
                    "a webhook was not taken; it is tried again"
                );
                state.queue.failed(job.position, why);
                return;
            }
            tracing::warn!(
                event = job.event,
                why,
                "a webhook was not taken for three days and is given up"
            );
        }
        let record = Record {
            settled: vec![job.event.clone()],
            ..Record::default()
        };
        match self.commit(journal, record) {
            Ok(record) => state.apply(record),
            Err(_) => state
                .queue
                .failed(job.position, "the journal could not be written".to_owned()),
        }
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
