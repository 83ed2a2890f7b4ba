//! Taking in what is seen of refunds, ours and those that were made in the provider's dashboard (PAY-12, PAY-13).

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::RefundId;

use super::View;
use crate::NAME;
use crate::domain::refund::{meant, sums};
use crate::domain::{Payment, Refund, RefundSeen, RefundStatus, ledger};
use crate::error::PaymentError;
use crate::store::ledger::{Posting, post};
use crate::store::refunds;

/// Takes in refunds, and what all of the payment's come to.
pub(super) async fn see_refunds(
    conn: &mut PgConnection,
    view: &mut View<'_>,
    list: &[RefundSeen],
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    let mut all = read(conn, view).await?;
    for seen in list {
        if let Some(refund) = meant(&mut all, seen) {
            merge(conn, view, refund, seen, at).await?;
        } else {
            all.push(refunds::adopt(conn, view.payment.id, seen, at).await?);
            let moved = (RefundStatus::Pending, seen.status);
            post_refund(conn, &view.payment, &seen.id, seen.amount_minor, moved, at).await?;
        }
    }
    add_up(view, all);
    Ok(())
}

/// Takes in that a refund of ours was refused: what was set aside for it is free again. One that the provider has after all
/// is left as it is.
pub(super) async fn see_not_made(
    conn: &mut PgConnection,
    view: &mut View<'_>,
    id: RefundId,
    why: &str,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    let mut all = read(conn, view).await?;
    let open = |r: &&mut Refund| r.id == id && r.provider_id.is_none() && !r.status.came_to_nothing();
    if let Some(refund) = all.iter_mut().find(open) {
        refund.status = RefundStatus::Failed;
        refund.error = Some(why.to_owned());
        refunds::save(conn, refund, at).await?;
        let (order, why) = (view.payment.order_id, why.to_owned());
        view.count(move || {
            metrics::counter!("refunds_failed_total", "service" => NAME).increment(1);
            tracing::error!(order.id = %order, refund.id = %id, why, "a refund was not made");
        });
    }
    add_up(view, all);
    Ok(())
}

/// The payment's refunds, which are read once.
async fn read(conn: &mut PgConnection, view: &mut View<'_>) -> Result<Vec<Refund>, PaymentError> {
    match view.refunds.take() {
        Some(refunds) => Ok(refunds),
        None => refunds::of(conn, view.payment.id).await,
    }
}

fn add_up(view: &mut View<'_>, all: Vec<Refund>) {
    let (refunded, pending) = sums(&all);
    view.payment = view.payment.clone().with_refunds(refunded, pending);
    view.refunds = Some(all);
}

async fn merge(
    conn: &mut PgConnection,
    view: &mut View<'_>,
    refund: &mut Refund,
    seen: &RefundSeen,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    let mut merged = refund.clone();
    merged.status = refund.status.merge(seen.status);
    merged.provider_id = Some(seen.id.clone());
    if merged.status.came_to_nothing() && merged.error.is_none() {
        merged.error.clone_from(&seen.failure);
    }
    if merged == *refund {
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
    *refund = merged;
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
