//! A journey as a saga: book a flight and a hotel, wait for the money, have the ticket printed.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use saga::{Key, Policy, Progress, Saga, Step as _, StepError, UndoError};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::harness::{Reply, World};

tokio::task_local! {
    static TRACE: String;
}

/// The journey, under one of its versions.
pub struct Trip<const VERSION: u16 = 1> {
    pub world: Arc<World>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TripState {
    pub traveller: String,
    /// Where the money is waited for until.
    #[serde(with = "time::serde::rfc3339")]
    pub pay_until: OffsetDateTime,
    /// What each step learnt.
    pub learnt: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TripStep {
    Flight,
    Hotel,
    /// Parks until the money is there; the pivot.
    Pay,
    /// May find the flight gone.
    Ticket,
    Mail,
    Refund,
    Voucher,
    Apologise,
}

use TripStep::{Apologise, Flight, Hotel, Mail, Pay, Refund, Ticket, Voucher};

pub const MAX_AGE: Duration = Duration::from_secs(60);
pub const UNDO_MAX_AGE: Duration = Duration::from_secs(3600);
/// Mails go out at once or not at all.
pub const MAIL_TIMEOUT: Duration = Duration::from_millis(100);

impl saga::Step for TripStep {
    const FORWARD: &'static [Self] = &[Flight, Hotel, Pay, Ticket, Mail];
    const BRANCH: &'static [Self] = &[Refund, Voucher, Apologise];
    const PIVOT: Option<Self> = Some(Pay);

    fn name(self) -> &'static str {
        match self {
            Flight => "flight",
            Hotel => "hotel",
            Pay => "pay",
            Ticket => "ticket",
            Mail => "mail",
            Refund => "refund",
            Voucher => "voucher",
            Apologise => "apologise",
        }
    }

    fn is_recorded_later(self) -> bool {
        self == Ticket
    }

    fn policy(self) -> Policy {
        let timeout = if self == Mail {
            MAIL_TIMEOUT
        } else {
            Duration::from_secs(20)
        };
        Policy {
            timeout,
            max_age: MAX_AGE,
            ..Policy::default()
        }
    }
}

impl<const VERSION: u16> Saga for Trip<VERSION> {
    const NAME: &'static str = "trip";
    const VERSION: u16 = VERSION;
    type Step = TripStep;
    type State = TripState;

    async fn run(&self, step: TripStep, key: &Key, state: &mut TripState) -> Result<Progress, StepError> {
        let _inside = self.world.enter(key, "run", TRACE.try_with(Clone::clone).ok());
        state.learnt.push(step.name().to_owned());
        let reply = self.world.reply("run", step.name());
        if step == Pay && matches!(reply, Reply::Well) && !self.world.is_paid(key.saga_id()) {
            return if self.world.now() < state.pay_until {
                Ok(Progress::Park {
                    until: state.pay_until,
                })
            } else {
                Err(StepError::refused(
                    "unpaid",
                    serde_json::json!({"by": state.traveller}),
                ))
            };
        }
        match reply {
            Reply::Well => self.world.book(key)?,
            Reply::Refuse => return Err(StepError::refused("full", serde_json::Value::Null)),
            Reply::Divert => return Ok(Progress::Divert),
            Reply::Fail => return Err(anyhow::anyhow!("no connection").into()),
            Reply::LoseAnswer => {
                self.world.book(key)?;
                return Err(anyhow::anyhow!("the connection broke").into());
            }
            Reply::Panic => panic!("a bug in the step"),
            Reply::Wait(gate) => {
                let parks = step == Pay && !self.world.is_paid(key.saga_id());
                gate.pass().await;
                if parks {
                    return Ok(Progress::Park {
                        until: state.pay_until,
                    });
                }
                self.world.book(key)?;
            }
        }
        Ok(Progress::Done)
    }

    async fn undo(&self, step: TripStep, key: &Key, _: &TripState, awaited: bool) -> Result<(), UndoError> {
        self.world.undone(awaited);
        let _inside = self.world.enter(key, "undo", TRACE.try_with(Clone::clone).ok());
        match self.world.reply("undo", step.name()) {
            Reply::Well => {}
            Reply::Wait(gate) => gate.pass().await,
            Reply::LoseAnswer => {
                self.world.cancel(key);
                return Err(anyhow::anyhow!("the connection broke").into());
            }
            Reply::Refuse | Reply::Divert | Reply::Fail | Reply::Panic => {
                return Err(anyhow::anyhow!("no connection").into());
            }
        }
        self.world.cancel(key);
        Ok(())
    }

    fn scoped(&self, trace: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        Box::pin(TRACE.scope(trace.to_owned(), work))
    }
}
