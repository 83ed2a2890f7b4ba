//! The order is paid. If the customer cancelled at that very moment, the money goes back instead.

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
        tx.commit().await.map_err(fault("commit the payment"))?;
        return Ok(Status::Paid);
    }
    Ok(orders::get(&mut tx, s.order_id).await?.status)
}
