//! Waits for the money: woken by a payment fact, by a cancellation, or by the deadline.

use saga::{Progress, Refused, StepError};

use super::{Checkout, CheckoutState};
use crate::domain::Status;
use crate::error::OrderError;
use crate::sagas::{step_error, unknown};
use crate::store::{facts, fault, orders};

pub(super) async fn run(saga: &Checkout, s: &CheckoutState) -> Result<Progress, StepError> {
    let (status, paid) = look(saga, s).await.map_err(unknown)?;
    if status == Status::Cancelled && !paid {
        return Err(refused("cancelled", "the order was cancelled"));
    }
    if paid {
        return Ok(Progress::Done);
    }
    if saga.clock.now() < s.expires_at {
        return Ok(Progress::Park { until: s.expires_at });
    }
    // Time is up. The intent is cancelled first: if the money beat us to it, the order is paid instead (ORD-7).
    match saga
        .payments
        .cancel_intent(s.order_id, "expired")
        .await
        .map_err(step_error)?
    {
        true => Ok(Progress::Done),
        false => Err(refused("expired", "nobody paid in time")),
    }
}

/// Where the order stands, and whether its money is there.
async fn look(saga: &Checkout, s: &CheckoutState) -> Result<(Status, bool), OrderError> {
    let mut conn = saga.db.acquire().await.map_err(fault("reach the database"))?;
    let order = orders::get(&mut conn, s.order_id).await?;
    let paid = facts::is_paid(&mut conn, s.order_id).await?;
    Ok((order.status, paid))
}

fn refused(code: &str, detail: &str) -> StepError {
    StepError::Refused(Refused {
        code: code.to_owned(),
        detail: serde_json::json!({"detail": detail, "data": null}),
    })
}
