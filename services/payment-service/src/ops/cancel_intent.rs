//! Cancelling: after it nobody can pay the order, or the money had come first.

use types::OrderId;

use super::observe::{Seen, tell};
use super::settle::{is_old, postpone, settle};
use crate::AppState;
use crate::domain::{IntentState, Payment, Status};
use crate::error::PaymentError;
use crate::store::facts::{self, Fact};
use crate::store::operations::{self, Ended, Kind, Operation};
use crate::store::{fault, payments};
use crate::stripe::{Cause, Intent, StripeError};
use wire::events::PaymentCancelled;

/// Cancels the order's intent; without one it leaves a tombstone. The payment that it returns is cancelled, or has
/// money.
///
/// # Errors
/// [`PaymentError::Provider`] if the provider does not answer, or will not cancel at this moment; ask again.
#[tracing::instrument(name = "payment.cancel_intent", skip_all, fields(order.id = %order))]
pub async fn cancel_intent(app: &AppState, order: OrderId) -> Result<Payment, PaymentError> {
    let now = app.clock.now();
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    payments::bury(&mut tx, order, now).await?;
    let payment = payments::lock(&mut tx, order).await?;
    let operation = match (payment.status.is_open(), &payment.intent_id) {
        (false, _) => None,
        (true, Some(_)) => {
            Some(operations::start(&mut tx, &payment, Kind::CancelIntent, now, app.after_call(now)).await?)
        }
        (true, None) => {
            // Nobody has the secret of an intent that may just be made: it is cancelled once it is known.
            let cancelled = Payment {
                status: Status::Cancelled,
                ..payment.clone()
            };
            payments::save(&mut tx, &cancelled, now).await?;
            let about = format!("payment:{}", payment.id);
            let fact = Fact {
                object_id: &about,
                fact: "cancelled",
                payment_id: payment.id,
            };
            if facts::first_time(&mut tx, fact, now).await? {
                let event = PaymentCancelled {
                    order_id: order,
                    payment_id: payment.id,
                };
                tell(&mut tx, &payment, &event, now).await?;
            }
            tx.commit().await.map_err(fault("commit the cancellation"))?;
            app.relay.nudge();
            return Ok(cancelled);
        }
    };
    tx.commit().await.map_err(fault("commit the cancellation"))?;
    match operation {
        Some(operation) => carry_out(app, &operation, &payment).await,
        None => Ok(payment),
    }
}

/// Asks the provider to cancel, or looks where the key may be forgotten, and takes in the answer.
pub(crate) async fn carry_out(
    app: &AppState,
    op: &Operation,
    payment: &Payment,
) -> Result<Payment, PaymentError> {
    let Some(intent_id) = &payment.intent_id else {
        return settle(
            app,
            op,
            Vec::new(),
            Ended::Refused("there is no intent".to_owned()),
        )
        .await;
    };
    let answer = if is_old(app, op) {
        look(app, intent_id).await
    } else {
        match app.stripe.cancel_intent(&op.key, intent_id).await {
            // It is beyond cancelling: paid, or cancelled by somebody else.
            Err(StripeError::Refused(_)) => look(app, intent_id).await,
            answer => answer.map_err(cause_of),
        }
    };
    let seen = match answer {
        Ok(intent) => intent.seen(),
        Err(cause) => return Err(postpone(app, op, cause).await),
    };
    match seen.state {
        IntentState::Cancelled | IntentState::Succeeded { .. } => {
            settle(app, op, vec![Seen::Intent(seen)], Ended::Done).await
        }
        IntentState::Open
        | IntentState::Failed(_)
        | IntentState::RequiresAction
        | IntentState::Processing => {
            // Another try gets another key: this one would answer the same no again.
            let ended = Ended::Refused("it is still open".to_owned());
            let payment = settle(app, op, vec![Seen::Intent(seen)], ended).await?;
            again(app, &payment).await?;
            Err(PaymentError::Provider(Cause::Busy))
        }
    }
}

/// Writes the next try down for later.
async fn again(app: &AppState, payment: &Payment) -> Result<(), PaymentError> {
    let now = app.clock.now();
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    let payment = payments::lock(&mut tx, payment.order_id).await?;
    let later = now + time::Duration::seconds(30);
    operations::start(&mut tx, &payment, Kind::CancelIntent, now, later).await?;
    tx.commit().await.map_err(fault("commit the next try"))
}

async fn look(app: &AppState, intent_id: &str) -> Result<Intent, Cause> {
    app.stripe.retrieve_intent(intent_id).await.map_err(cause_of)
}

/// A no to a mere look is no outcome either.
fn cause_of(error: StripeError) -> Cause {
    match error {
        StripeError::Unknown(cause) => cause,
        StripeError::Refused(declined) => Cause::Status(declined.status),
    }
}
