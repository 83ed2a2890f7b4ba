//! The way out after the pivot: money back, stock back, order cancelled. Each may be repeated.

use saga::{Key, Progress, StepError};
use types::Actor;

use super::{Checkout, CheckoutState};
use crate::domain::Status;
use crate::error::OrderError;
use crate::ops::transition::advance;
use crate::sagas::{step_error, unknown};
use crate::store::{fault, orders};

pub(super) async fn money(saga: &Checkout, key: &Key, s: &CheckoutState) -> Result<Progress, StepError> {
    let key = key.to_string();
    let refunded = saga
        .payments
        .refund_rest(s.order_id, &key, "order cannot be fulfilled")
        .await;
    refunded.map(|()| Progress::Done).map_err(step_error)
}

pub(super) async fn stock(saga: &Checkout, s: &CheckoutState) -> Result<Progress, StepError> {
    let given = saga
        .inventory
        .give_back(s.order_id, "order cannot be fulfilled")
        .await;
    given.map(|()| Progress::Done).map_err(step_error)
}

pub(super) async fn order(saga: &Checkout, s: &CheckoutState) -> Result<Progress, StepError> {
    cancel(saga, s).await.map(|()| Progress::Done).map_err(unknown)
}

async fn cancel(saga: &Checkout, s: &CheckoutState) -> Result<(), OrderError> {
    let now = saga.clock.now();
    let mut tx = pg::begin(&saga.db).await.map_err(fault("begin a transaction"))?;
    let order = orders::lock(&mut tx, s.order_id).await?;
    if matches!(order.status, Status::Pending | Status::Confirmed) {
        let step = (order.status, Status::Cancelled);
        advance(&mut tx, s.order_id, step, Actor::System, Some("stock-lost"), now).await?;
    }
    tx.commit().await.map_err(fault("commit the cancellation"))?;
    saga.mails.nudge();
    Ok(())
}
