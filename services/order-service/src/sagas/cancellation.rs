//! The cancellation of an order that was paid: all money back, then the stock. It only goes forward; each step is
//! repeated until it succeeds.

use std::time::Duration;

use futures::future::BoxFuture;
use saga::{Key, Policy, Progress, Saga, StepError, UndoError};
use serde::{Deserialize, Serialize};
use types::OrderId;

use crate::peers::{Inventory, Payments};
use crate::sagas::{in_context, step_error};

/// What the steps need.
#[derive(Clone)]
pub struct Cancellation {
    /// Stock.
    pub inventory: Inventory,
    /// Money.
    pub payments: Payments,
}

/// Which order, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CancellationState {
    /// The order.
    pub order_id: OrderId,
    /// Why it was cancelled.
    pub reason: String,
}

/// The steps, in order of execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancellationStep {
    /// All money back.
    Refund,
    /// The stock back, once.
    ReturnStock,
}

impl saga::Step for CancellationStep {
    const FORWARD: &'static [Self] = &[Self::Refund, Self::ReturnStock];
    const BRANCH: &'static [Self] = &[];
    const PIVOT: Option<Self> = None;

    fn name(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::ReturnStock => "return-stock",
        }
    }

    fn policy(self) -> Policy {
        Policy {
            timeout: Duration::from_secs(3),
            max_age: Duration::from_secs(86_400),
            ..Policy::default()
        }
    }
}

impl Saga for Cancellation {
    const NAME: &'static str = "cancellation";
    const VERSION: u16 = 1;
    type Step = CancellationStep;
    type State = CancellationState;

    async fn run(
        &self,
        step: CancellationStep,
        key: &Key,
        s: &mut CancellationState,
    ) -> Result<Progress, StepError> {
        let done = match step {
            CancellationStep::Refund => {
                self.payments
                    .refund_rest(s.order_id, &key.to_string(), &s.reason)
                    .await
            }
            CancellationStep::ReturnStock => self.inventory.give_back(s.order_id, &s.reason).await,
        };
        done.map(|()| Progress::Done).map_err(step_error)
    }

    /// Nothing is undone: the order is cancelled, and stays so.
    async fn undo(
        &self,
        _: CancellationStep,
        _: &Key,
        _: &CancellationState,
        _awaited: bool,
    ) -> Result<(), UndoError> {
        Ok(())
    }

    fn scoped(&self, trace: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        in_context(trace, work)
    }
}
