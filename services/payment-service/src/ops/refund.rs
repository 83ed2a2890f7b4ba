//! Sending money back. What a refund takes is set aside before the provider is called, so that all refunds together
//! never exceed what was captured (PAY-12).

use pg::idempotency::{self, BindError, Scope};
use types::{DecimalText, Money, OrderId, RefundId};

use super::observe::Seen;
use super::settle::{is_old, payment_of, postpone, settle};
use crate::AppState;
use crate::domain::{DisputeStatus, Payment, Refund, RefundSeen, Refusal};
use crate::error::PaymentError;
use crate::store::operations::{self, Ended, Operation};
use crate::store::refunds::NewRefund;
use crate::store::{fault, payments, refunds};
use crate::stripe::{self, Cause, Declined, StripeError, to_provider};

/// A refund that somebody wants.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Of which order.
    pub order_id: OrderId,
    /// How much; all that is left if absent.
    pub amount: Option<Money>,
    /// Why.
    pub reason: Option<&'a str>,
    /// Names it: the same name is the same refund.
    pub ask_key: Option<&'a str>,
    /// The remembered request that it belongs to.
    pub scope: Option<Scope<'a>>,
    /// Not before it is known of every other refund of the order whether it was made.
    pub last: bool,
}

/// Sends money back, and returns the refund with its payment.
///
/// # Errors
/// [`Refusal::RefundTooLarge`], [`Refusal::NotRefundable`]; [`PaymentError::Provider`] if the provider does not answer:
/// the money stays set aside, and the refund is made or given up later.
#[tracing::instrument(name = "payment.refund", skip_all, fields(order.id = %ask.order_id))]
pub async fn refund(app: &AppState, ask: Ask<'_>) -> Result<(Payment, Refund), PaymentError> {
    let now = app.clock.now();
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    let payment = payments::lock(&mut tx, ask.order_id).await?;
    if let Some(name) = ask.ask_key
        && let Some(refund) = refunds::asked(&mut tx, payment.id, name).await?
    {
        tx.commit().await.map_err(fault("end the transaction"))?;
        return resume(app, ask.order_id, refund.id).await;
    }
    if ask.last && operations::is_refunding(&mut tx, payment.id).await? {
        return Err(PaymentError::Waits(
            "what became of another refund of the order is not known yet",
        ));
    }
    // Nothing left is too little for any refund, and nothing captured is another matter.
    let minor = ask
        .amount
        .map_or_else(|| payment.left_minor().max(1), Money::minor);
    payment.refundable(minor)?;
    if !payments::set_aside(&mut tx, payment.id, minor, now).await? {
        let left = Money::from_minor(payment.left_minor().max(0), payment.asked()?.currency());
        return Err(Refusal::RefundTooLarge {
            order: ask.order_id,
            left,
        }
        .into());
    }
    let new = NewRefund {
        payment_id: payment.id,
        ask_key: ask.ask_key,
        amount_minor: minor,
        reason: ask.reason,
    };
    let refund = refunds::insert(&mut tx, new, now).await?;
    let operation = operations::start_refund(&mut tx, &payment, &refund, now, app.after_call(now)).await?;
    if let Some(scope) = &ask.scope {
        let bound = idempotency::bind_subject(&mut tx, scope, refund.id.get()).await;
        bound.map_err(|error| match error {
            BindError::TakenOver => PaymentError::TakenOver,
            BindError::Store(source) => PaymentError::Store {
                doing: "remember the request",
                source,
            },
        })?;
    }
    tx.commit().await.map_err(fault("commit the refund"))?;
    carry_out(app, &operation, &payment, &refund).await
}

/// Goes on with a refund that was begun before: settles it if that is still to be done.
pub async fn resume(app: &AppState, order: OrderId, id: RefundId) -> Result<(Payment, Refund), PaymentError> {
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    let operation = operations::of_refund(&mut conn, order, id).await?;
    let payment = payments::find(&mut conn, order)
        .await?
        .ok_or(Refusal::PaymentNotFound(order))?;
    let refund = refunds::find(&mut conn, id)
        .await?
        .ok_or(PaymentError::Corrupt("refund"))?;
    drop(conn);
    match operation {
        Some(operation) => carry_out(app, &operation, &payment, &refund).await,
        None => Ok((payment, refund)),
    }
}

/// Returns all that was captured and is not on its way back, under `key`: asking again with it is the same refund.
/// Returns how much the key has sent, in minor units; 0 where nothing was captured or nothing is left.
///
/// # Errors
/// [`PaymentError::Provider`] as long as it is not certain that the money goes back; [`PaymentError::Waits`] as long as it is not
/// known whether another refund was made, or a dispute has not ended.
pub async fn refund_rest(
    app: &AppState,
    order: OrderId,
    key: &str,
    reason: Option<&str>,
) -> Result<i64, PaymentError> {
    let ask = Ask {
        order_id: order,
        amount: None,
        reason,
        ask_key: Some(key),
        scope: None,
        last: true,
    };
    match refund(app, ask).await {
        Ok((_, refund)) if refund.status.came_to_nothing() => Err(PaymentError::Provider(Cause::Status(402))),
        Ok((_, refund)) => Ok(refund.amount_minor),
        Err(PaymentError::Refused(
            Refusal::PaymentNotFound(_) | Refusal::NotRefundable(_) | Refusal::RefundTooLarge { .. },
        )) => Ok(0),
        // What a bank took for good is not ours to send back; what it may still give back waits for that.
        Err(PaymentError::Refused(Refusal::Disputed(_))) => disputed(app, order).await,
        // A no from over there leaves the money here: whoever asked must go on asking, or tell somebody.
        Err(PaymentError::Refused(Refusal::Provider(_))) => Err(PaymentError::Provider(Cause::Status(400))),
        Err(error) => Err(error),
    }
}

/// The rest of a disputed payment: 0 once the bank has kept it.
async fn disputed(app: &AppState, order: OrderId) -> Result<i64, PaymentError> {
    let payment = payment_of(app, order)
        .await?
        .ok_or(Refusal::PaymentNotFound(order))?;
    if payment.disputed.status == Some(DisputeStatus::Lost) {
        return Ok(0);
    }
    Err(PaymentError::Waits("the order's dispute has not ended"))
}

/// An amount of the order's payment, read from text. Which currency that is only the payment knows.
pub async fn amount_of(
    app: &AppState,
    order: OrderId,
    text: &DecimalText,
) -> Result<Result<Money, types::BadAmount>, PaymentError> {
    let payment = payment_of(app, order)
        .await?
        .ok_or(Refusal::PaymentNotFound(order))?;
    let asked = payment.asked().map_err(|_| Refusal::NotRefundable(order))?;
    Ok(Money::parse(text, asked.currency()))
}

/// Asks the provider, or looks where the key may be forgotten, and takes in the answer.
pub(crate) async fn carry_out(
    app: &AppState,
    op: &Operation,
    payment: &Payment,
    refund: &Refund,
) -> Result<(Payment, Refund), PaymentError> {
    if refund.provider_id.is_some() {
        // A webhook was faster. The provider need not be asked, and might repeat for as long as it remembers the key that
        // it failed.
        let payment = settle(app, op, Vec::new(), Ended::Done).await?;
        return Ok((payment, refund.clone()));
    }
    let answer = if is_old(app, op) {
        find(app, payment, refund).await
    } else {
        call(app, op, payment, refund).await.map(Some)
    };
    let payment = match answer {
        Ok(Some(seen)) => settle(app, op, vec![Seen::Refunds(vec![seen.seen()])], Ended::Done).await?,
        Ok(None) => give_up(app, op, refund, "it was never made", Vec::new()).await?,
        Err(StripeError::Refused(declined)) => {
            // Perhaps somebody was faster over there: their refunds are ours to know. Ours may be among them after all.
            let others = match &payment.intent_id {
                Some(id) => app.stripe.refunds_of(id).await.unwrap_or_default(),
                None => Vec::new(),
            };
            let made = others.iter().any(|r| r.refund_id() == Some(refund.id));
            let others = others.iter().map(stripe::Refund::seen).collect();
            if made {
                settle(app, op, vec![Seen::Refunds(others)], Ended::Done).await?
            } else {
                let now = give_up(app, op, refund, &declined.to_string(), others).await?;
                return Err(refusal(&now, refund, declined).into());
            }
        }
        Err(StripeError::Unknown(cause)) => return Err(postpone(app, op, cause).await),
    };
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    let refund = refunds::find(&mut conn, refund.id)
        .await?
        .ok_or(PaymentError::Corrupt("refund"))?;
    Ok((payment, refund))
}

/// The refund comes to nothing; `others` of its payment were made.
async fn give_up(
    app: &AppState,
    op: &Operation,
    refund: &Refund,
    why: &str,
    others: Vec<RefundSeen>,
) -> Result<Payment, PaymentError> {
    let seen = vec![Seen::Refunds(others), Seen::NotMade(refund.id, why.to_owned())];
    settle(app, op, seen, Ended::Refused(why.to_owned())).await
}

async fn call(
    app: &AppState,
    op: &Operation,
    payment: &Payment,
    refund: &Refund,
) -> Result<stripe::Refund, StripeError> {
    let unsendable = || {
        let code = Some("amount_not_countable".to_owned());
        StripeError::Refused(Declined {
            status: 400,
            code,
            decline_code: None,
            message: String::new(),
        })
    };
    let (intent_id, asked) = payment
        .intent_id
        .as_ref()
        .zip(payment.amount)
        .ok_or_else(unsendable)?;
    let new = stripe::NewRefund {
        intent_id,
        amount: to_provider(refund.amount_minor, asked.currency()).ok_or_else(unsendable)?,
        order_id: payment.order_id,
        refund_id: refund.id,
    };
    app.stripe.create_refund(&op.key, new).await
}

async fn find(
    app: &AppState,
    payment: &Payment,
    refund: &Refund,
) -> Result<Option<stripe::Refund>, StripeError> {
    let Some(intent_id) = &payment.intent_id else {
        return Ok(None);
    };
    let all = app.stripe.refunds_of(intent_id).await?;
    Ok(all.into_iter().find(|r| r.refund_id() == Some(refund.id)))
}

fn refusal(now: &Payment, refund: &Refund, declined: Declined) -> Refusal {
    match now.refundable(refund.amount_minor) {
        Err(refusal) => refusal,
        // The news of it is still on its way.
        Ok(()) if declined.is("charge_disputed") => Refusal::Disputed(now.order_id),
        Ok(()) => Refusal::Provider(declined.code.unwrap_or_else(|| "it did not say why".to_owned())),
    }
}

/// The same, for whoever has the operation only.
pub(crate) async fn carry_out_operation(
    app: &AppState,
    op: &Operation,
    payment: &Payment,
) -> Result<(), PaymentError> {
    let id = op.refund_id.ok_or(PaymentError::Corrupt("refund operation"))?;
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    let refund = refunds::find(&mut conn, id)
        .await?
        .ok_or(PaymentError::Corrupt("refund"))?;
    drop(conn);
    carry_out(app, op, payment, &refund).await.map(|_| ())
}
