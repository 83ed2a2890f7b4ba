//! Waits for the money: woken by a payment fact, by a cancellation, or by the deadline. Only the order's own amount, told
//! as a fact, ends the waiting well. While another amount waits for a decision, or money is under way, the stock is pinned.

use std::time::Duration;

use saga::{Progress, Refused, StepError};

use super::{Checkout, CheckoutState};
use crate::domain::Status;
use crate::error::OrderError;
use crate::sagas::{step_error, unknown};
use crate::store::{facts, fault};

/// How long money that payment-service speaks of may be on its way to us as a fact, before we ask again.
const NEWS: Duration = Duration::from_secs(5);
/// For how long the stock of an order is held, each time, whose money is on its way to us as a fact, in seconds.
const KEPT_SECONDS: u32 = 120;
/// How often to look whether somebody has sent a wrong amount back; the fact of it wakes us anyway.
const DECISION: Duration = Duration::from_secs(3_600);

pub(super) async fn run(saga: &Checkout, s: &mut CheckoutState) -> Result<Progress, StepError> {
    let now = saga.clock.now();
    match look(saga, s).await.map_err(unknown)? {
        Look::Paid => return Ok(Progress::Done),
        Look::Cancelled => return Err(refused("cancelled", "the order was cancelled")),
        // Nobody can pay it any more, whoever did that at the provider.
        Look::Withdrawn => return Err(refused("payment-cancelled", "its payment was cancelled")),
        Look::SentBack => return Err(refused("refunded", "what was paid was sent back")),
        // Another amount than the order's: it neither pays nor expires until a person has decided (PAY-14).
        Look::Mismatched => {
            pin(saga, s, true, "another amount than the order's arrived").await?;
            return Ok(Progress::Park {
                until: now + DECISION,
            });
        }
        // Nor does it expire while its money is under way.
        Look::Processing => {
            pin(saga, s, true, "the payment is processing").await?;
            return Ok(Progress::Park {
                until: now + DECISION,
            });
        }
        Look::Waiting => pin(saga, s, false, "nothing is under way any more").await?,
    }
    if now < s.expires_at {
        return Ok(Progress::Park { until: s.expires_at });
    }
    // Time is up. The intent is cancelled first: if money beat us to it, the fact of it decides, and is on its way
    // (ORD-7).
    let cancelled = saga.payments.cancel_intent(s.order_id, "expired").await;
    match cancelled.map_err(step_error)? {
        true => {
            // It has its price, so nobody else gets the stock while the news is on its way. What is lost already
            // shows when it is taken.
            if let Err(error) = saga.inventory.extend(s.order_id, KEPT_SECONDS).await {
                tracing::warn!(order.id = %s.order_id, ?error, "the stock of an order that was paid is not held any longer");
            }
            Ok(Progress::Park { until: now + NEWS })
        }
        false => Err(refused("expired", "nobody paid in time")),
    }
}

/// Keeps the stock beyond its time, or lets that count again, unless it is so already.
async fn pin(saga: &Checkout, s: &mut CheckoutState, pinned: bool, why: &str) -> Result<(), StepError> {
    if s.pinned != pinned {
        let done = saga.inventory.pin(s.order_id, pinned, why).await;
        done.map_err(step_error)?;
        s.pinned = pinned;
    }
    Ok(())
}

/// Where the order stands with its money.
enum Look {
    /// All of it is there.
    Paid,
    /// The order was cancelled, and nothing had come.
    Cancelled,
    /// Its payment was cancelled at the provider.
    Withdrawn,
    /// A wrong amount came, and went back.
    SentBack,
    /// A wrong amount came.
    Mismatched,
    /// The provider works on it.
    Processing,
    /// Nothing has come.
    Waiting,
}

async fn look(saga: &Checkout, s: &CheckoutState) -> Result<Look, OrderError> {
    let mut conn = saga.db.acquire().await.map_err(fault("reach the database"))?;
    let order = facts::standing(&mut conn, s.order_id).await?;
    Ok(match (order.status, order.payment_status.as_str()) {
        _ if order.paid => Look::Paid,
        (Status::Cancelled, _) => Look::Cancelled,
        (_, "cancelled") => Look::Withdrawn,
        (_, "refunded") => Look::SentBack,
        (_, "mismatch" | "partially_refunded") => Look::Mismatched,
        (_, "processing") => Look::Processing,
        _ => Look::Waiting,
    })
}

fn refused(code: &str, detail: &str) -> StepError {
    StepError::Refused(Refused {
        code: code.to_owned(),
        detail: serde_json::json!({"detail": detail, "data": null}),
    })
}
