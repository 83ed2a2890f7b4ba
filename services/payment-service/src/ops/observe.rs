//! The one place where a payment changes (PAY-9): what a webhook, a poll, a call's answer or a resolved operation
//! shows of it is taken in here, under the lock on its row, together with the events that tell of it.

use bus::Topic;
use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{Actor, OrderId};
use wire::events::{
    Event, PaymentCancelled, PaymentFailed, PaymentMismatched, PaymentRefunded, PaymentSucceeded,
};

use crate::NAME;
use crate::domain::{IntentSeen, IntentState, News, Payment, Refund, RefundSeen, Status};
use crate::error::PaymentError;
use crate::store::operations::{self, Kind};
use crate::store::{facts, fault, payments, refunds};

/// What happens to payments, and who wants to know.
pub const PAYMENTS: Topic = Topic {
    aggregate: "payment",
    subscribers: &["order-service"],
};

/// What the provider shows.
#[derive(Clone, Debug)]
pub enum Seen {
    /// The intent.
    Intent(IntentSeen),
    /// Some or all of its refunds; none still adds up those that we know.
    Refunds(Vec<RefundSeen>),
    /// Where a dispute stands.
    Dispute(String),
}

/// Takes in what was seen, in the caller's transaction, and returns the payment as it is then. Seeing the same
/// again, or something older, changes nothing and tells nobody.
///
/// # Errors
/// There is no such payment, or what was seen is another's.
#[tracing::instrument(name = "payment.observe", skip_all, fields(order.id = %order))]
pub async fn observe(
    conn: &mut PgConnection,
    order: OrderId,
    seen: &[Seen],
    at: OffsetDateTime,
) -> Result<Payment, PaymentError> {
    let before = payments::lock(conn, order).await?;
    let mut payment = before.clone();
    for seen in seen {
        payment = match seen {
            Seen::Intent(intent) => see_intent(conn, payment, intent, at).await?,
            Seen::Refunds(list) => see_refunds(conn, payment, list, at).await?,
            Seen::Dispute(status) => see_dispute(payment, status),
        };
    }
    if payment.refunded_minor != before.refunded_minor {
        let event = PaymentRefunded {
            order_id: order,
            payment_id: payment.id,
            refunded_minor: payment.refunded_minor,
            captured_minor: payment.captured_minor,
        };
        tell(conn, &payment, &event, at).await?;
    }
    if payment == before {
        return Ok(payment);
    }
    payments::save(conn, &payment, at).await?;
    payment.version += 1;
    payment.updated_at = at;
    Ok(payment)
}

async fn see_intent(
    conn: &mut PgConnection,
    payment: Payment,
    intent: &IntentSeen,
    at: OffsetDateTime,
) -> Result<Payment, PaymentError> {
    if payment.intent_id.as_ref().is_some_and(|ours| *ours != intent.id) {
        return Err(PaymentError::Unknown(format!(
            "intent {}, a second one of its order",
            intent.id
        )));
    }
    let (payment, news) = payment.see(intent);
    if let Some(news) = news {
        announce(conn, &payment, intent, news, at).await?;
    }
    let open = !matches!(
        intent.state,
        IntentState::Succeeded { .. } | IntentState::Cancelled
    );
    if open && payment.status == Status::Cancelled {
        // It was made although nobody wants it any more: nobody may be able to pay it.
        operations::start(conn, &payment, Kind::CancelIntent, at, at).await?;
    }
    Ok(payment)
}

/// Tells the world, unless this very fact was told before.
async fn announce(
    conn: &mut PgConnection,
    payment: &Payment,
    intent: &IntentSeen,
    news: News,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    let (fact, about) = match &news {
        News::Succeeded => ("succeeded", &intent.id),
        News::Mismatched(_) => ("mismatched", &intent.id),
        News::Cancelled => ("cancelled", &intent.id),
        // An intent may fail many times, each of its attempts once.
        News::Failed(_) => ("failed", intent.charge.as_ref().unwrap_or(&intent.id)),
    };
    if !facts::first_time(conn, about, fact, payment.id, at).await? {
        return Ok(());
    }
    metrics::counter!("payments_total", "service" => NAME, "outcome" => fact).increment(1);
    let (order_id, payment_id, amount_minor) = (payment.order_id, payment.id, payment.captured_minor);
    match news {
        News::Succeeded => {
            let currency = payment.asked()?.currency().code().to_owned();
            let event = PaymentSucceeded {
                order_id,
                payment_id,
                amount_minor,
                currency,
            };
            tell(conn, payment, &event, at).await
        }
        News::Mismatched(currency) => {
            tracing::error!(order.id = %order_id, "what arrived is not what the order costs; an admin must decide");
            let event = PaymentMismatched {
                order_id,
                payment_id,
                amount_minor,
                currency,
            };
            tell(conn, payment, &event, at).await
        }
        News::Failed(reason) => {
            tell(
                conn,
                payment,
                &PaymentFailed {
                    order_id,
                    payment_id,
                    reason,
                },
                at,
            )
            .await
        }
        News::Cancelled => tell(conn, payment, &PaymentCancelled { order_id, payment_id }, at).await,
    }
}

/// Publishes in the same transaction.
pub(crate) async fn tell(
    conn: &mut PgConnection,
    payment: &Payment,
    event: &impl Event,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    bus::publish(conn, &PAYMENTS, payment.id.get(), event, Actor::System, at)
        .await
        .map_err(fault("publish what happened to the payment"))
}

async fn see_refunds(
    conn: &mut PgConnection,
    payment: Payment,
    list: &[RefundSeen],
    at: OffsetDateTime,
) -> Result<Payment, PaymentError> {
    for seen in list {
        match refunds::matching(conn, payment.id, seen).await? {
            Some(refund) => merge(conn, &payment, refund, seen, at).await?,
            None => refunds::adopt(conn, payment.id, seen, at).await?,
        }
        facts::first_time(conn, &seen.id, seen.status.name(), payment.id, at).await?;
    }
    let (refunded, pending) = refunds::sums(conn, payment.id).await?;
    Ok(payment.with_refunds(refunded, pending))
}

async fn merge(
    conn: &mut PgConnection,
    payment: &Payment,
    refund: Refund,
    seen: &RefundSeen,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    let mut merged = refund.clone();
    merged.status = refund.status.merge(seen.status);
    merged.provider_id = Some(seen.id.clone());
    if merged.status.came_to_nothing() && merged.error.is_none() {
        merged.error.clone_from(&seen.failure);
    }
    if merged == refund {
        return Ok(());
    }
    if merged.status.came_to_nothing() && !refund.status.came_to_nothing() {
        metrics::counter!("refunds_failed_total", "service" => NAME).increment(1);
        tracing::error!(
            order.id = %payment.order_id, refund.id = %refund.id,
            "a refund came to nothing; its money is with us again"
        );
    }
    refunds::save(conn, &merged, at).await
}

fn see_dispute(payment: Payment, status: &str) -> Payment {
    let was = payment.dispute_status.clone();
    let payment = payment.with_dispute(status);
    if payment.dispute_status != was {
        metrics::counter!("disputes_total", "service" => NAME, "status" => payment.dispute_status.clone())
            .increment(1);
        tracing::warn!(order.id = %payment.order_id, status, "a payment is disputed; answer the provider in time");
    }
    payment
}
