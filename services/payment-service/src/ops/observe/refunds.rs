//! Taking in what is seen of refunds, ours and those that were made in the provider's dashboard (PAY-12, PAY-13).

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::View;
use crate::NAME;
use crate::domain::{Payment, Refund, RefundSeen, RefundStatus, ledger};
use crate::error::PaymentError;
use crate::store::facts::{self, Fact};
use crate::store::ledger::{Posting, post};
use crate::store::refunds;

/// Takes in refunds, and what all of the payment's come to.
pub(super) async fn see_refunds(
    conn: &mut PgConnection,
    view: &mut View<'_>,
    list: &[RefundSeen],
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    let payment = &view.payment.clone();
    for seen in list {
        match refunds::matching(conn, payment.id, seen).await? {
            Some(refund) => merge(conn, view, refund, seen, at).await?,
            None => {
                refunds::adopt(conn, payment.id, seen, at).await?;
                let (was, is) = (RefundStatus::Pending, seen.status);
                post_refund(conn, payment, &seen.id, seen.amount_minor, (was, is), at).await?;
            }
        }
        let fact = Fact {
            object_id: &seen.id,
            fact: seen.status.name(),
            payment_id: payment.id,
        };
        facts::first_time(conn, fact, at).await?;
    }
    let (refunded, pending) = refunds::sums(conn, payment.id).await?;
    view.payment = view.payment.clone().with_refunds(refunded, pending);
    Ok(())
}

async fn merge(
    conn: &mut PgConnection,
    view: &mut View<'_>,
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
        let (order, refund) = (view.payment.order_id, refund.id);
        view.count(move || {
            metrics::counter!("refunds_failed_total", "service" => NAME).increment(1);
            tracing::error!(
                order.id = %order, refund.id = %refund,
                "a refund came to nothing; its money is with us again"
            );
        });
    }
    refunds::save(conn, &merged, at).await?;
    let moved = (refund.status, merged.status);
    post_refund(conn, &view.payment, &seen.id, refund.amount_minor, moved, at).await
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
        (false, true) => ledger::Fact::Refunded { minor, unmatched },
        (true, false) => ledger::Fact::RefundReturned { minor, unmatched },
        (false, false) | (true, true) => return Ok(()),
    };
    let posting = Posting {
        payment_id: payment.id,
        object_id,
        fact,
        currency: None,
    };
    post(conn, posting, at).await.map(|_| ())
}
