//! The order is written before the saga starts; undone, it is cancelled.

use saga::UndoError;
use types::Actor;

use super::{Checkout, CheckoutState};
use crate::domain::Status;
use crate::error::OrderError;
use crate::ops::transition::advance;
use crate::sagas::undo_error;
use crate::store::{fault, orders};

pub(super) async fn undo(saga: &Checkout, s: &CheckoutState) -> Result<(), UndoError> {
    cancel(saga, s).await.map_err(undo_error)
}

async fn cancel(saga: &Checkout, s: &CheckoutState) -> Result<(), OrderError> {
    let now = saga.clock.now();
    let mut tx = pg::begin(&saga.db).await.map_err(fault("begin a transaction"))?;
    let order = orders::lock(&mut tx, s.order_id).await?;
    if matches!(order.status, Status::Pending | Status::Confirmed) {
        let reason = if now >= s.expires_at {
            "expired"
        } else {
            "not-completed"
        };
        advance(
            &mut tx,
            s.order_id,
            (order.status, Status::Cancelled),
            Actor::System,
            Some(reason),
            now,
        )
        .await?;
    }
    tx.commit().await.map_err(fault("commit the cancellation"))?;
    saga.mails.nudge();
    Ok(())
}
