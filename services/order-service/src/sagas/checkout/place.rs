//! The order is written before the saga starts; undone, it is cancelled.

use saga::{Reason, Saga as _, UndoError};
use types::Actor;

use super::{Checkout, CheckoutState};
use crate::domain::Status;
use crate::error::OrderError;
use crate::ops::transition::advance;
use crate::sagas::undo_error;
use crate::store::{fault, orders};

pub(super) async fn undo(checkout: &Checkout, s: &CheckoutState) -> Result<(), UndoError> {
    cancel(checkout, s).await.map_err(undo_error)
}

async fn cancel(checkout: &Checkout, s: &CheckoutState) -> Result<(), OrderError> {
    let now = checkout.clock.now();
    let mut tx = pg::begin(&checkout.db)
        .await
        .map_err(fault("begin a transaction"))?;
    let order = orders::lock(&mut tx, s.order_id).await?;
    if matches!(order.status, Status::Pending | Status::Confirmed) {
        let why = saga::reason(&mut tx, Checkout::NAME, s.order_id.get()).await;
        let reason = word(why.map_err(OrderError::Saga)?, now >= s.expires_at);
        advance(
            &mut tx,
            s.order_id,
            (order.status, Status::Cancelled),
            Actor::System,
            Some(&reason),
            now,
        )
        .await?;
    }
    tx.commit().await.map_err(fault("commit the cancellation"))?;
    checkout.mails.nudge();
    Ok(())
}

/// Why the order is cancelled, in a word: the code of what was refused, or what became of the checkout.
fn word(why: Option<Reason>, over: bool) -> String {
    match why {
        Some(Reason::Refused { refused, .. }) => refused.code,
        Some(Reason::Unresolved { .. }) => "no-answer".to_owned(),
        Some(Reason::Abandoned { .. }) => "abandoned".to_owned(),
        Some(Reason::Misdirected { .. }) | None if over => "expired".to_owned(),
        Some(Reason::Misdirected { .. }) | None => "not-completed".to_owned(),
    }
}
