//! The order is confirmed: its stock is held and it can be paid. Orders that come here at the same time are confirmed
//! together.

use std::sync::Arc;

use pg::fold::Together;
use runtime::context;
use saga::{Progress, Refused, StepError};
use sqlx::PgPool;
use types::{Actor, Clock};

use super::{Checkout, CheckoutState};
use crate::domain::Status;
use crate::error::OrderError;
use crate::ops::transition::advance_all;
use crate::sagas::unknown;
use crate::store::fault;
use crate::store::orders::{self, Move};

/// Confirms orders.
pub struct Confirmations {
    /// The orders' database.
    pub db: PgPool,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Together for Confirmations {
    const NAME: &'static str = "confirmations";
    type Ask = Move;
    /// Whether it moved.
    type Answer = bool;
    type Error = OrderError;

    fn subject(change: &Move) -> Option<i64> {
        Some(change.id.get())
    }

    async fn together(&self, moves: &[Move]) -> Result<Vec<Result<bool, OrderError>>, OrderError> {
        let mut tx = pg::begin(&self.db).await.map_err(fault("begin a transaction"))?;
        let moved = advance_all(&mut tx, moves, self.clock.now()).await?;
        tx.commit().await.map_err(fault("commit confirmations"))?;
        Ok(moved.into_iter().map(Ok).collect())
    }

    fn unanswered() -> OrderError {
        OrderError::Corrupt("batch of confirmations")
    }
}

pub(super) async fn run(saga: &Checkout, s: &CheckoutState) -> Result<Progress, StepError> {
    if confirm(saga, s).await.map_err(unknown)? {
        return Ok(Progress::Done);
    }
    // Cancelled while its checkout ran: what was arranged is undone.
    let detail = serde_json::json!({"detail": "the order was cancelled meanwhile", "data": null});
    Err(StepError::Refused(Refused {
        code: wire::code::ILLEGAL_TRANSITION.slug.to_owned(),
        detail,
    }))
}

/// True if the order is confirmed now; false if it was cancelled.
async fn confirm(saga: &Checkout, s: &CheckoutState) -> Result<bool, OrderError> {
    let change = Move {
        id: s.order_id,
        from: Status::Pending,
        to: Status::Confirmed,
        actor: Actor::System,
        note: None,
        intent: s.payment_intent_id.clone(),
        answered: false,
        context: context::current(),
    };
    if saga.confirmations.ask(change).await? {
        saga.mails.nudge();
        return Ok(true);
    }
    let mut conn = saga.db.acquire().await.map_err(fault("reach the database"))?;
    let order = orders::get(&mut conn, s.order_id).await?;
    Ok(order.status == Status::Confirmed)
}
