//! The order is confirmed: its stock is held and it can be paid.

use saga::{Progress, Refused, StepError};
use types::Actor;

use super::{Checkout, CheckoutState};
use crate::domain::Status;
use crate::error::OrderError;
use crate::ops::transition::advance;
use crate::sagas::unknown;
use crate::store::{fault, orders};

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
    let now = saga.clock.now();
    let mut tx = pg::begin(&saga.db).await.map_err(fault("begin a transaction"))?;
    let step = (Status::Pending, Status::Confirmed);
    if advance(&mut tx, s.order_id, step, Actor::System, None, now).await? {
        if let Some(intent) = &s.payment_intent_id {
            orders::set_intent(&mut tx, s.order_id, intent).await?;
        }
        tx.commit().await.map_err(fault("commit the confirmation"))?;
        return Ok(true);
    }
    let order = orders::get(&mut tx, s.order_id).await?;
    Ok(order.status == Status::Confirmed)
}
