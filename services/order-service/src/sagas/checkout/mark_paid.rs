//! The order is paid. If the customer cancelled at that very moment, the money goes back instead; if it went back
//! already, the order is refunded with the same breath.

use saga::{Progress, StepError};
use types::Actor;

use super::{Checkout, CheckoutState};
use crate::domain::Status;
use crate::error::OrderError;
use crate::ops::transition::advance;
use crate::sagas::unknown;
use crate::store::{fault, orders};

pub(super) async fn run(saga: &Checkout, s: &CheckoutState) -> Result<Progress, StepError> {
    match mark(saga, s).await.map_err(unknown)? {
        Status::Cancelled => Ok(Progress::Divert),
        _ => Ok(Progress::Done),
    }
}

/// Where the order is afterwards.
async fn mark(saga: &Checkout, s: &CheckoutState) -> Result<Status, OrderError> {
    let now = saga.clock.now();
    let mut tx = pg::begin(&saga.db).await.map_err(fault("begin a transaction"))?;
    let step = (Status::Confirmed, Status::Paid);
    if advance(&mut tx, s.order_id, step, Actor::System, None, now).await? {
        // The move has locked the row: a refund that is told later finds the order paid.
        if orders::get(&mut tx, s.order_id).await?.payment_status == "refunded" {
            let step = (Status::Paid, Status::Refunded);
            advance(&mut tx, s.order_id, step, Actor::System, Some("refunded"), now).await?;
        }
        tx.commit().await.map_err(fault("commit the payment"))?;
        saga.mails.nudge();
        return Ok(Status::Paid);
    }
    Ok(orders::get(&mut tx, s.order_id).await?.status)
}
