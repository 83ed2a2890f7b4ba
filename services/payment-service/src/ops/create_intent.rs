//! The order's one intent. Payment and operation are committed before the provider is called; whoever comes while
//! that runs uses the same key, and so gets the same intent (PAY-1).

use types::Money;

use super::observe::Seen;
use super::settle::{is_old, payment_of, postpone, settle};
use crate::AppState;
use crate::domain::{Payment, Refusal, Status};
use crate::error::PaymentError;
use crate::store::operations::{Ended, Operation};
use crate::store::payments::NewPayment;
use crate::stripe::{Cause, Declined, NewIntent, StripeError, to_provider};

/// A call from long ago may turn out never to have been made, and is then made.
const TRIES: usize = 2;

/// The order's payment with its intent, made if there is none. What is asked is what the order's own snapshot says (PAY-3).
///
/// # Errors
/// [`Refusal::Cancelled`] after a cancellation, even one that came before; [`Refusal::AmountTooSmall`];
/// [`PaymentError::Provider`] if the provider does not answer: the intent is then made later, and found by the next call.
#[tracing::instrument(name = "payment.create_intent", skip_all, fields(order.id = %ask.order_id))]
pub async fn create_intent(app: &AppState, ask: NewPayment) -> Result<Payment, PaymentError> {
    for _ in 0..TRIES {
        let (payment, operation) = app.beginning.ask(ask).await?;
        let payment = match operation {
            Some(operation) => carry_out(app, &operation, &payment).await?,
            None => payment,
        };
        if payment.intent_id.is_some() {
            return Ok(payment);
        }
        // An old call was found never to have been made: now it is made anew.
    }
    Err(PaymentError::Provider(Cause::Busy))
}

/// Asks the provider, or looks there where the key may be forgotten, and takes in the answer.
pub(crate) async fn carry_out(
    app: &AppState,
    op: &Operation,
    payment: &Payment,
) -> Result<Payment, PaymentError> {
    let answer = if is_old(app, op) {
        // Clocks differ a little.
        let since = op.created_at - time::Duration::minutes(10);
        app.stripe.find_intent(payment.id, since).await
    } else {
        call(app, op, payment).await.map(Some)
    };
    match answer {
        Ok(Some(intent)) => {
            let payment = settle(app, op, vec![Seen::Intent(intent.seen())], Ended::Done).await?;
            if payment.status == Status::Cancelled {
                return Err(Refusal::Cancelled(op.order_id).into());
            }
            Ok(payment)
        }
        Ok(None) => {
            settle(
                app,
                op,
                Vec::new(),
                Ended::Refused("it was never made".to_owned()),
            )
            .await
        }
        Err(StripeError::Refused(declined)) => {
            settle(app, op, Vec::new(), Ended::Refused(declined.to_string())).await?;
            Err(refusal(payment.asked()?, declined).into())
        }
        // Whoever has the key now may be done by the time we look.
        Err(StripeError::Unknown(Cause::Busy)) => match payment_of(app, op.order_id).await? {
            Some(now) if now.intent_id.is_some() && now.status != Status::Cancelled => Ok(now),
            _ => Err(PaymentError::Provider(Cause::Busy)),
        },
        Err(StripeError::Unknown(cause)) => Err(postpone(app, op, cause).await),
    }
}

async fn call(
    app: &AppState,
    op: &Operation,
    payment: &Payment,
) -> Result<crate::stripe::Intent, StripeError> {
    let unsendable = |code: &str| {
        let code = Some(code.to_owned());
        StripeError::Refused(Declined {
            status: 400,
            code,
            decline_code: None,
            message: String::new(),
        })
    };
    let asked = payment.amount.ok_or_else(|| unsendable("amount_missing"))?;
    let amount =
        to_provider(asked.minor(), asked.currency()).ok_or_else(|| unsendable("amount_not_countable"))?;
    let new = NewIntent {
        amount,
        currency: asked.currency().code(),
        methods: &app.methods,
        order_id: payment.order_id,
        payment_id: payment.id,
    };
    app.stripe.create_intent(&op.key, new).await
}

fn refusal(amount: Money, declined: Declined) -> Refusal {
    if declined.is("amount_too_small") {
        return Refusal::AmountTooSmall(amount);
    }
    tracing::error!(%declined, "the provider refused to make an intent");
    Refusal::Provider(declined.code.unwrap_or_else(|| "it did not say why".to_owned()))
}
