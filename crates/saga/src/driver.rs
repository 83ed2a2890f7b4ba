//! Drives one saga: call a step, write down what came of it, and so on until it ends, parks or pauses.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::asker::Asker;
use crate::definition::{Key, Progress, Saga, Step, StepError};
use crate::engine::Engine;
use crate::error::SagaError;
use crate::fault::{Fault, FaultPoint, Moment};
use crate::machine::{self, Answer, Command, Event, Position, after};
use crate::outcome::{Outcome, Status};
use crate::plan::{Direction, Place};
use crate::store::save::Save;
use crate::store::{self, Entry, Held};

/// What to do when a step is to be tried again after a pause.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Hold on to the saga if the pause is shorter than the workers' next look.
    ShortPauses,
    /// Give it up at once.
    None,
}

/// Why a drive stopped before the saga let it.
pub(crate) enum Halt {
    /// A fault point killed it.
    Crashed,
    /// The saga was taken over, or cannot be read or written. Whoever takes it next repeats what was not saved.
    Failed(SagaError),
}

impl From<SagaError> for Halt {
    fn from(error: SagaError) -> Self {
        Self::Failed(error)
    }
}

/// What a driver does next.
enum Next {
    /// Call this step.
    Call(Place),
    /// Hold on to the saga until then.
    Pause(OffsetDateTime),
    /// It is held, but there is nothing to do.
    Nothing,
    /// It ended, parked or pauses for long: it is no longer held.
    GivenUp,
}

/// One call that ended.
struct Attempt<State> {
    answer: Answer,
    /// What was learnt, if the step answered with progress.
    learnt: Option<State>,
    started_at: OffsetDateTime,
    took: Duration,
}

impl<S: Saga> Engine<S> {
    /// Drives a saga as far as it goes and tells `asker`. Nothing is left to be done if that fails: the row
    /// says where to go on, and its lease runs out.
    pub(crate) async fn finish(
        &self,
        held: Held,
        state: Option<S::State>,
        patience: Patience,
        asker: Option<Asker<S::State>>,
    ) {
        let id = held.id;
        match self.go_on(held, state, patience, asker.as_ref()).await {
            Ok(outcome) => {
                if let Some(Asker { answer, kept, .. }) = asker {
                    drop(kept);
                    // Nobody may be waiting any more.
                    let _ = answer.send(outcome);
                }
            }
            Err(Halt::Crashed) => {}
            Err(Halt::Failed(error @ SagaError::Fenced(_))) => {
                tracing::warn!(saga = S::NAME, saga.id = id, %error, "a saga was lost to another process");
            }
            Err(Halt::Failed(error)) => {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::error!(saga = S::NAME, saga.id = id, error, "a saga could not be driven");
            }
        }
    }

    async fn go_on(
        &self,
        mut held: Held,
        state: Option<S::State>,
        patience: Patience,
        asker: Option<&Asker<S::State>>,
    ) -> Result<Outcome<S::State>, Halt> {
        let mut state = state.map_or_else(|| Self::read_state(&held.data), Ok)?;
        let mut next = self.follow(&mut held, Event::Resumed);
        loop {
            next = match next {
                Next::Call(place) if !self.should_stop(asker) => {
                    self.call(&mut held, &mut state, place, patience, asker).await?
                }
                Next::Pause(until) if self.pause(&held, until).await? => self.follow(&mut held, Event::Timer),
                Next::Call(_) | Next::Pause(_) | Next::Nothing => {
                    store::release(&self.pool, &held).await?;
                    return Ok(Outcome::of(held.run, state));
                }
                Next::GivenUp => return Ok(Outcome::of(held.run, state)),
            };
        }
    }

    /// What a saga that is held has to do after an event other than an answer.
    fn follow(&self, held: &mut Held, event: Event) -> Next {
        let (run, command) = machine::step(&self.plan, held.run.clone(), event, self.clock.now());
        held.run = run;
        match command {
            Some(Command::Call(place)) => Next::Call(place),
            Some(Command::SleepUntil(_) | Command::Finish) | None => Next::Nothing,
        }
    }

    /// Calls a step and writes down what came of it.
    async fn call(
        &self,
        held: &mut Held,
        state: &mut S::State,
        place: Place,
        patience: Patience,
        asker: Option<&Asker<S::State>>,
    ) -> Result<Next, Halt> {
        let attempt = self.attempt(held, place, state, asker).await?;
        let now = self.clock.now();
        let count = held.run.attempt;
        let (outcome, detail) = describe(&attempt.answer);
        let entry = Entry {
            place,
            attempt: count,
            outcome,
            detail,
            started_at: attempt.started_at,
            took: attempt.took,
        };
        let answered = Event::Answered {
            place,
            attempt: count,
            answer: attempt.answer,
        };
        let (run, command) = machine::step(&self.plan, held.run.clone(), answered, now);
        held.run = run;
        if let Some(learnt) = attempt.learnt {
            held.data = Self::write_state(&learnt)?;
            *state = learnt;
        }
        let next = match (command, held.run.position) {
            (Some(Command::Call(next)), _) => Next::Call(next),
            (Some(Command::SleepUntil(until)), Position::At(_))
                if patience == Patience::ShortPauses && until < after(now, self.settings.poll) =>
            {
                Next::Pause(until)
            }
            (Some(Command::SleepUntil(_) | Command::Finish) | None, _) => Next::GivenUp,
        };
        let lease = match next {
            Next::Call(_) | Next::Pause(_) => Some(self.lease(now).until),
            Next::Nothing | Next::GivenUp => None,
        };
        self.tell(held.id, &entry);
        held.unwritten.push(entry);
        let goes_on = matches!(next, Next::Call(to) if to.direction == Direction::Forward);
        if goes_on && self.is_recorded_later(place) {
            // A process that dies here knows no more than one that died before it could have written.
            self.fault(place, Moment::AfterPersist)?;
            return Ok(next);
        }
        let save = Save {
            held: held.clone(),
            lease,
            at: now,
        };
        let saved = self.saves.ask(save).await?;
        held.unwritten.clear();
        held.wakes = saved.wakes;
        self.fault(place, Moment::AfterPersist)?;
        self.tell_end(held, place);
        Ok(if saved.woken {
            self.follow(held, Event::Woken)
        } else {
            next
        })
    }

    /// Whether the step at `place` has succeeded in a way that may be written down with what comes next.
    fn is_recorded_later(&self, place: Place) -> bool {
        let step = S::Step::FORWARD.get(place.index);
        place.direction == Direction::Forward && step.is_some_and(|step| step.is_recorded_later())
    }

    /// Calls a step once, within its timeout, and holds the saga meanwhile.
    async fn attempt(
        &self,
        held: &Held,
        place: Place,
        state: &S::State,
        asker: Option<&Asker<S::State>>,
    ) -> Result<Attempt<S::State>, Halt> {
        let started_at = self.clock.now();
        let lost = |what: &str| (unknown(format!("{what} was lost")), None);
        let mut ended = match self.fault(place, Moment::BeforeCall)? {
            Some(()) => lost("the request"),
            None => {
                let awaited = asker.is_some_and(|asker| asker.will_hear(Instant::now()));
                self.while_held(held, self.ask(held, place, state, awaited))
                    .await?
            }
        };
        if self.fault(place, Moment::BeforePersist)?.is_some() {
            ended = lost("the answer");
        }
        let took = (self.clock.now() - started_at).try_into().unwrap_or_default();
        let (answer, learnt) = ended;
        Ok(Attempt {
            answer,
            learnt,
            started_at,
            took,
        })
    }

    /// Asks the definition. Neither silence nor a panic says whether the step happened.
    async fn ask(
        &self,
        held: &Held,
        place: Place,
        state: &S::State,
        awaited: bool,
    ) -> (Answer, Option<S::State>) {
        let steps = match place.direction {
            Direction::Forward | Direction::Undo => S::Step::FORWARD,
            Direction::Branch => S::Step::BRANCH,
        };
        let Some(&step) = steps.get(place.index) else {
            return (unknown("there is no such step".to_owned()), None);
        };
        let key = Key::new(held.id, step.name());
        let call = async {
            if place.direction == Direction::Undo {
                return match self.saga.undo(step, &key, state, awaited).await {
                    Ok(()) => (Answer::Succeeded, None),
                    Err(error) => (unknown(format!("{:#}", error.0)), None),
                };
            }
            let mut copy = state.clone();
            match self.saga.run(step, &key, &mut copy).await {
                Ok(Progress::Done) => (Answer::Succeeded, Some(copy)),
                Ok(Progress::Park { until }) => (Answer::Parked { until }, Some(copy)),
                Ok(Progress::Divert) => (Answer::Diverted, Some(copy)),
                Err(StepError::Refused(refused)) => (Answer::Refused(refused), None),
                Err(StepError::Unknown(error)) => (unknown(format!("{error:#}")), None),
            }
        };
        let timeout = step.policy().timeout;
        match tokio::time::timeout(timeout, AssertUnwindSafe(call).catch_unwind()).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(_panic)) => (unknown("the step panicked".to_owned()), None),
            Err(_elapsed) => (unknown(format!("no answer within {timeout:?}")), None),
        }
    }

    /// Does `work` and renews the lease until it is done. A saga that was taken over meanwhile ends the work.
    async fn while_held<R>(&self, held: &Held, work: impl Future<Output = R>) -> Result<R, SagaError> {
        let renewals = async {
            loop {
                tokio::time::sleep(self.settings.renewal()).await;
                match store::renew(&self.pool, held, self.lease(self.clock.now()).until).await {
                    Ok(()) => {}
                    Err(error @ SagaError::Fenced(_)) => return error,
                    Err(error) => tracing::warn!(saga = S::NAME, saga.id = held.id, %error, "trying again"),
                }
            }
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            lost = renewals => Err(lost),
        }
    }

    /// Waits until the clock shows `until`. False if it stands: a test moves it later.
    async fn pause(&self, held: &Held, until: OffsetDateTime) -> Result<bool, SagaError> {
        let left = || Duration::try_from(until - self.clock.now()).unwrap_or_default();
        let mut before = left();
        while !before.is_zero() {
            self.while_held(held, tokio::time::sleep(before)).await?;
            let now = left();
            if now >= before {
                return Ok(false);
            }
            before = now;
        }
        Ok(true)
    }

    /// `Some` if the message under way here is lost.
    fn fault(&self, place: Place, moment: Moment) -> Result<Option<()>, Halt> {
        let point = FaultPoint {
            saga: S::NAME,
            step: self.step_name(place),
            direction: place.direction,
            moment,
        };
        match self.faults.as_ref().and_then(|faults| faults.at(point)) {
            Some(Fault::Crash) => Err(Halt::Crashed),
            Some(Fault::Lose) => Ok(Some(())),
            None => Ok(None),
        }
    }

    /// Metrics and log lines about an attempt.
    fn tell(&self, id: i64, entry: &Entry) {
        let (service, step) = (self.settings.service, self.step_name(entry.place));
        metrics::histogram!("saga_step_seconds", "service" => service, "saga" => S::NAME, "step" => step)
            .record(entry.took.as_secs_f64());
        if entry.outcome == UNKNOWN {
            let (direction, attempt) = (entry.place.direction.name(), entry.attempt);
            let detail = entry.detail.as_ref().map(tracing::field::display);
            tracing::warn!(
                saga = S::NAME,
                saga.id = id,
                step,
                direction,
                attempt,
                detail,
                "a step ended in doubt"
            );
        }
    }

    /// Metrics and log lines about an end that was written down, to which the step at `place` led.
    fn tell_end(&self, held: &Held, place: Place) {
        let status = Status::from(held.run.position);
        if !status.is_end() {
            return;
        }
        let (service, saga, id) = (self.settings.service, S::NAME, held.id);
        let end = status.name();
        metrics::counter!("saga_ended_total", "service" => service, "saga" => saga, "end" => end)
            .increment(1);
        if status == Status::Stuck {
            let (step, direction) = (self.step_name(place), place.direction.name());
            let reason = tracing::field::debug(&held.run.reason);
            tracing::error!(
                saga,
                saga.id = id,
                step,
                direction,
                reason,
                "a saga is stuck: a person has to look"
            );
        } else {
            tracing::info!(saga, saga.id = id, end, "a saga ended");
        }
    }

    fn step_name(&self, place: Place) -> &'static str {
        self.plan.get(place).map(|step| step.name).unwrap_or_default()
    }

    /// A process that stops goes on only for those who wait, and never between a call and its record.
    fn should_stop(&self, asker: Option<&Asker<S::State>>) -> bool {
        self.closing.is_cancelled() && asker.is_none_or(|asker| asker.answer.is_closed())
    }
}

/// The log's name for an answer that says nothing.
const UNKNOWN: &str = "unknown";

fn unknown(error: String) -> Answer {
    Answer::Unknown {
        error,
        jitter: rand::random(),
    }
}

/// An answer as the log keeps it.
fn describe(answer: &Answer) -> (&'static str, Option<Value>) {
    match answer {
        Answer::Succeeded => ("succeeded", None),
        Answer::Parked { until } => ("parked", Some(json!({ "until": types::rfc3339(*until) }))),
        Answer::Diverted => ("diverted", None),
        Answer::Refused(refused) => (
            "refused",
            Some(json!({ "code": refused.code, "detail": refused.detail })),
        ),
        Answer::Unknown { error, .. } => (UNKNOWN, Some(json!({ "error": error }))),
    }
}
