//! The checkout: place → hold stock → create intent → confirm → await payment (the pivot) → commit stock → paid.
//! Before the pivot everything is undone in reverse; after it the order is paid, or, if its stock was lost or the
//! customer cancelled at that moment, refunded.

mod await_payment;
mod commit_stock;
mod confirm;
mod create_intent;
mod hold_stock;
mod mark_paid;
mod place;
mod refund;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use pg::fold::Fold;
use pg::jobs::Queues;
use saga::{Key, Policy, Progress, Saga, StepError, UndoError};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use time::OffsetDateTime;
use types::{Clock, OrderId, UserId};

pub use self::confirm::Confirmations;
pub use self::place::Undoings;
use crate::domain::NewOrder;
use crate::peers::{Inventory, Payments};
use crate::sagas::in_context;

/// What the steps need.
#[derive(Clone)]
pub struct Checkout {
    /// The orders' database.
    pub db: PgPool,
    /// Confirms orders.
    pub confirmations: Fold<Confirmations>,
    /// Cancels those whose checkouts are undone.
    pub undoings: Fold<Undoings>,
    /// Stock.
    pub inventory: Inventory,
    /// Money.
    pub payments: Payments,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Whose workers send the mails of its moves.
    pub mails: Queues,
    /// How long stock is held, in seconds: as long as an order may wait for its money, and a little.
    pub hold_seconds: u32,
}

/// What has been learnt so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckoutState {
    /// The order.
    pub order_id: OrderId,
    /// Who buys.
    pub user_id: UserId,
    /// Products and quantities, line by line.
    pub lines: Vec<(i64, u32)>,
    /// What is charged, in minor units.
    pub total_minor: i64,
    /// In which currency.
    pub currency: String,
    /// When it is given up unpaid.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// The provider's intent, once there is one.
    pub payment_intent_id: Option<String>,
    /// What the client pays with.
    pub client_secret: Option<String>,
    /// The stock is kept beyond its time, while money is under way or a person has to decide about it.
    #[serde(default)]
    pub pinned: bool,
}

impl CheckoutState {
    /// At the start.
    #[must_use]
    pub fn new(order_id: OrderId, order: &NewOrder) -> Self {
        Self {
            order_id,
            user_id: order.user_id,
            lines: order
                .lines
                .iter()
                .map(|l| (l.product_id.get(), l.quantity.get()))
                .collect(),
            total_minor: order.totals.total.minor(),
            currency: order.totals.total.currency().code().to_owned(),
            expires_at: order.expires_at,
            payment_intent_id: None,
            client_secret: None,
            pinned: false,
        }
    }
}

/// The steps, in order of execution; then those of the way out after the pivot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckoutStep {
    /// The order is written already; undone, it is cancelled.
    Place,
    /// Undone, the stock is released.
    HoldStock,
    /// Undone, the intent is cancelled, and money that came first goes back.
    CreateIntent,
    /// Nothing of its own to undo: `Place` cancels the order whichever status it has.
    Confirm,
    /// Parked until money or the deadline. Its success is the pivot.
    AwaitPayment,
    /// Takes the stock for good; if it was lost, the way out is a refund.
    CommitStock,
    /// The order is paid.
    MarkPaid,
    /// The way out: all money back.
    Refund,
    /// The way out: the stock back, if it is still ours.
    ReturnStock,
    /// The way out: the order cancelled.
    CancelOrder,
}

use CheckoutStep::{
    AwaitPayment, CancelOrder, CommitStock, Confirm, CreateIntent, HoldStock, MarkPaid, Place, Refund,
    ReturnStock,
};

impl saga::Step for CheckoutStep {
    const FORWARD: &'static [Self] = &[
        Place,
        HoldStock,
        CreateIntent,
        Confirm,
        AwaitPayment,
        CommitStock,
        MarkPaid,
    ];
    const BRANCH: &'static [Self] = &[Refund, ReturnStock, CancelOrder];
    const PIVOT: Option<Self> = Some(AwaitPayment);

    fn name(self) -> &'static str {
        match self {
            Place => "place",
            HoldStock => "hold-stock",
            CreateIntent => "create-intent",
            Confirm => "confirm",
            AwaitPayment => "await-payment",
            CommitStock => "commit-stock",
            MarkPaid => "mark-paid",
            Refund => "refund",
            ReturnStock => "return-stock",
            CancelOrder => "cancel-order",
        }
    }

    fn is_recorded_later(self) -> bool {
        // The order was placed with the saga, and confirming it again changes nothing: neither needs a commit before the
        // next step.
        matches!(self, Place | Confirm)
    }

    fn policy(self) -> Policy {
        let max_age = match self {
            Place | HoldStock | Confirm => Duration::from_secs(30),
            CreateIntent => Duration::from_secs(60),
            // From here on somebody's money is at stake: go on for a day before a person is called.
            AwaitPayment | CommitStock | MarkPaid | Refund | ReturnStock | CancelOrder => {
                Duration::from_secs(86_400)
            }
        };
        Policy {
            timeout: Duration::from_secs(3),
            max_age,
            ..Policy::default()
        }
    }
}

impl Saga for Checkout {
    const NAME: &'static str = "checkout";
    const VERSION: u16 = 1;
    type Step = CheckoutStep;
    type State = CheckoutState;

    async fn run(&self, step: CheckoutStep, key: &Key, s: &mut CheckoutState) -> Result<Progress, StepError> {
        match step {
            Place => Ok(Progress::Done),
            HoldStock => hold_stock::run(self, s).await,
            CreateIntent => create_intent::run(self, s).await,
            Confirm => confirm::run(self, s).await,
            AwaitPayment => await_payment::run(self, s).await,
            CommitStock => commit_stock::run(self, s).await,
            MarkPaid => mark_paid::run(self, s).await,
            Refund => refund::money(self, key, s).await,
            ReturnStock => refund::stock(self, s).await,
            CancelOrder => refund::order(self, s).await,
        }
    }

    async fn undo(
        &self,
        step: CheckoutStep,
        key: &Key,
        s: &CheckoutState,
        awaited: bool,
    ) -> Result<(), UndoError> {
        match step {
            Place => place::undo(self, s, awaited).await,
            HoldStock => hold_stock::undo(self, s).await,
            CreateIntent => create_intent::undo(self, key, s).await,
            Confirm => Ok(()),
            // At or beyond the pivot, and on the way out, nothing is undone: the engine never asks.
            AwaitPayment | CommitStock | MarkPaid | Refund | ReturnStock | CancelOrder => Ok(()),
        }
    }

    fn scoped(&self, trace: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        in_context(trace, work)
    }
}
