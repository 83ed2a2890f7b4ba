//! The end of an operation: what the provider answered is taken in, and the operation ends, in one transaction.

use std::time::Duration;

use runtime::context;
use types::OrderId;

use super::observe::Seen;
use super::observing::{By, Observation};
use crate::AppState;
use crate::domain::Payment;
use crate::error::PaymentError;
use crate::store::operations::{self, Ended, Operation};
use crate::store::{fault, payments};
use crate::stripe::Cause;

/// Keys are kept for 24 h over there; what is older is resolved by reading (PAY-4).
const KEYS_LIVE: Duration = Duration::from_secs(23 * 3600);
/// The first pause before an unknown outcome is looked into; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Takes in what was seen and ends the operation.
pub(crate) async fn settle(
    app: &AppState,
    op: &Operation,
    seen: Vec<Seen>,
    ended: Ended,
) -> Result<Payment, PaymentError> {
    let observation = Observation {
        order: op.order_id,
        seen,
        by: By::Operation(op.key.clone(), ended),
        context: context::current(),
    };
    let payment = app.observing.ask(observation).await?;
    app.relay.nudge();
    app.nudge_operations(&payment);
    Ok(payment)
}

/// Leaves the operation as it is, to be taken up again: its outcome is not known.
pub(crate) async fn postpone(app: &AppState, op: &Operation, cause: Cause) -> PaymentError {
    let doublings = u32::try_from(op.attempts.clamp(0, 8)).unwrap_or_default();
    let mut pause = (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE);
    if let Cause::Resting(rest) = &cause {
        pause = pause.max(*rest);
    }
    tracing::warn!(operation = op.key, %cause, "an operation's outcome is unknown; it will be resolved");
    let noted = async {
        let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
        operations::postpone(&mut conn, &op.key, &cause.to_string(), app.clock.now() + pause).await
    };
    if let Err(error) = noted.await {
        // Then it is taken up when its lease ends.
        tracing::warn!(%error, "could not note that an operation is to be resolved");
    }
    PaymentError::Provider(cause)
}

/// Whether the provider may have forgotten the operation's key.
pub(crate) fn is_old(app: &AppState, op: &Operation) -> bool {
    app.clock.now() - op.created_at > KEYS_LIVE
}

/// The order's payment, as it is now.
pub(crate) async fn payment_of(app: &AppState, order: OrderId) -> Result<Option<Payment>, PaymentError> {
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    payments::find(&mut conn, order).await
}
