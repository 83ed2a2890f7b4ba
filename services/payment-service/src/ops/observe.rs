//! The one place where a payment changes (PAY-9): what a webhook, a poll, a call's answer or a resolved operation
//! shows of it is taken in here, under the lock on its row, together with the events that tell of it.

use bus::Topic;
use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{Actor, OrderId};
use wire::events::{
    Event, PaymentCancelled, PaymentFailed, PaymentMismatched, PaymentMoved, PaymentRefunded,
    PaymentSucceeded,
};

use super::disputes::see_dispute;
use crate::NAME;
use crate::domain::ledger::Fact;
use crate::domain::{
    Dispute, IntentSeen, IntentState, News, Payment, Refund, RefundSeen, RefundStatus, Status,
};
use crate::error::PaymentError;
use crate::store::ledger::{self, Posting};
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
    /// One of its disputes.
    Dispute(Dispute),
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
            Seen::Dispute(dispute) => see_dispute(conn, payment, dispute, at).await?,
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
        count_refund(&before, &payment);
    }
    if moved_openly(before.status, payment.status) {
        let event = PaymentMoved {
            order_id: order,
            payment_id: payment.id,
            status: payment.status.name().to_owned(),
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

/// Whether an open payment stands elsewhere than it was last told of. That it failed, was made or ended is told as such.
fn moved_openly(from: Status, to: Status) -> bool {
    let under_way = |status| matches!(status, Status::Processing | Status::RequiresAction);
    from != to && (under_way(to) || to == Status::Pending && under_way(from))
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
    let fact = match &news {
        News::Succeeded => "succeeded",
        News::Mismatched(_) => "mismatched",
        News::Cancelled => "cancelled",
        News::Failed(_) => "failed",
    };
    let first = match &news {
        // Money that arrives is noted by its entry in the ledger alone: no statement more.
        News::Succeeded | News::Mismatched(_) => post_receipt(conn, payment, intent, at).await?,
        News::Cancelled => facts::first_time(conn, &intent.id, fact, payment.id, at).await?,
        // An intent may fail many times, each of its attempts once.
        News::Failed(_) => {
            let about = intent.charge.as_ref().unwrap_or(&intent.id);
            facts::first_time(conn, about, fact, payment.id, at).await?
        }
    };
    if !first {
        return Ok(());
    }
    metrics::counter!("payments_total", "service" => NAME, "outcome" => fact).increment(1);
    let (order_id, payment_id, amount_minor) = (payment.order_id, payment.id, payment.captured_minor);
    match news {
        News::Succeeded => {
            let currency = payment.asked()?.currency().code().to_owned();
            metrics::counter!("payments_captured_minor_total", "service" => NAME, "currency" => currency.clone())
                .increment(u64::try_from(amount_minor).unwrap_or_default());
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

/// Posts what arrived, in the currency in which it came.
async fn post_receipt(
    conn: &mut PgConnection,
    payment: &Payment,
    intent: &IntentSeen,
    at: OffsetDateTime,
) -> Result<bool, PaymentError> {
    let minor = payment.captured_minor;
    let posting = Posting {
        object_id: &intent.id,
        fact: match payment.mismatched {
            true => Fact::Mismatched { minor },
            false => Fact::Captured { minor },
        },
        currency: match &intent.state {
            IntentState::Succeeded { currency, .. } => Some(currency),
            _ => None,
        },
    };
    ledger::post(conn, payment.id, posting, at).await
}

/// A refund that was undone later is not taken back from the counter, which only grows.
fn count_refund(before: &Payment, after: &Payment) {
    let Some(amount) = after.amount else { return };
    let more = u64::try_from(after.refunded_minor - before.refunded_minor).unwrap_or_default();
    metrics::counter!(
        "payments_refunded_minor_total",
        "service" => NAME, "currency" => amount.currency().code()
    )
    .increment(more);
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
            None => {
                refunds::adopt(conn, payment.id, seen, at).await?;
                let (was, is) = (RefundStatus::Pending, seen.status);
                post_refund(conn, &payment, &seen.id, seen.amount_minor, (was, is), at).await?;
            }
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
    refunds::save(conn, &merged, at).await?;
    let moved = (refund.status, merged.status);
    post_refund(conn, payment, &seen.id, refund.amount_minor, moved, at).await
}

/// Posts a refund that succeeded, or that failed although it had.
async fn post_refund(
    conn: &mut PgConnection,
    payment: &Payment,
    object_id: &str,
    minor: i64,
    (was, is): (RefundStatus, RefundStatus),
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    let unmatched = payment.mismatched;
    let fact = match (was == RefundStatus::Succeeded, is == RefundStatus::Succeeded) {
        (false, true) => Fact::Refunded { minor, unmatched },
        (true, false) => Fact::RefundReturned { minor, unmatched },
        (false, false) | (true, true) => return Ok(()),
    };
    let posting = Posting {
        object_id,
        fact,
        currency: None,
    };
    ledger::post(conn, payment.id, posting, at).await.map(|_| ())
}
