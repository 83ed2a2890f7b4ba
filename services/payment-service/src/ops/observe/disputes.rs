//! Taking in what is seen of a dispute: its facts are kept, and the payment says what all its disputes come to (PAY-15).

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{OrderId, rfc3339};
use wire::events::PaymentDisputed;

use super::View;
use crate::NAME;
use crate::domain::ledger::Fact;
use crate::domain::{Dispute, DisputeStatus, Disputed, Payment};
use crate::error::PaymentError;
use crate::store::disputes;
use crate::store::ledger::{self, Posting};

/// Takes in one dispute, and tells of it if the payment is disputed otherwise than before.
pub(super) async fn see_dispute(
    conn: &mut PgConnection,
    view: &mut View<'_>,
    seen: &Dispute,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    let payment = &view.payment.clone();
    let mut all = disputes::of(conn, payment.id).await?;
    let known = all
        .iter()
        .position(|d| d.id == seen.id)
        .map(|at| all.swap_remove(at));
    let dispute = match known.clone() {
        Some(known) => known.merge(seen.clone()),
        None => seen.clone(),
    };
    if known.as_ref() != Some(&dispute) {
        if !disputes::save(conn, payment.id, &dispute, at).await? {
            return Err(PaymentError::Unknown(format!(
                "dispute {}, another payment's",
                seen.id
            )));
        }
        post(conn, payment, known.as_ref(), &dispute, at).await?;
        let (order, known, now) = (payment.order_id, known.map(|d| d.status), dispute.clone());
        view.count(move || count(order, known, &now));
    }
    all.push(dispute);
    let disputed = Disputed::of(&all);
    let news = (disputed.status, disputed.evidence_due_by)
        != (payment.disputed.status, payment.disputed.evidence_due_by);
    let (order_id, payment_id) = (payment.order_id, payment.id);
    view.payment.disputed = disputed;
    if let (true, Some(status)) = (news, disputed.status) {
        view.tell(&PaymentDisputed {
            order_id,
            payment_id,
            status: status.name().to_owned(),
            evidence_due_by: disputed.evidence_due_by.map(rfc3339),
        });
    }
    Ok(())
}

/// Posts what was taken for it, and what was given back, in the currency of the balance that it was taken from.
async fn post(
    conn: &mut PgConnection,
    payment: &Payment,
    known: Option<&Dispute>,
    now: &Dispute,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    let withdrawn = now
        .withdrawn
        .as_ref()
        .filter(|_| known.is_none_or(|d| d.withdrawn.is_none()));
    let reinstated = now
        .reinstated
        .as_ref()
        .filter(|_| known.is_none_or(|d| d.reinstated.is_none()));
    let facts = [
        withdrawn.map(|m| {
            (
                m,
                Fact::Withdrawn {
                    minor: m.minor,
                    fee_minor: m.fee_minor,
                },
            )
        }),
        reinstated.map(|m| {
            (
                m,
                Fact::Reinstated {
                    minor: m.minor,
                    fee_minor: m.fee_minor,
                },
            )
        }),
    ];
    for (moved, fact) in facts.into_iter().flatten() {
        let posting = Posting {
            payment_id: payment.id,
            object_id: &now.id,
            fact,
            currency: Some(&moved.currency),
        };
        ledger::post(conn, posting, at).await?;
    }
    Ok(())
}

/// Somebody has to answer in time, or to learn that it is over.
fn count(order: OrderId, known: Option<DisputeStatus>, now: &Dispute) {
    let moved = known != Some(now.status);
    if moved {
        metrics::counter!("disputes_total", "service" => NAME, "status" => now.status.name()).increment(1);
    }
    let due_by = now.evidence_due_by.map(rfc3339);
    if moved && now.status.needs_response() {
        tracing::error!(
            order.id = %order, dispute = now.id, due_by,
            "a payment is disputed; answer the provider in time"
        );
    } else if moved {
        tracing::warn!(order.id = %order, dispute = now.id, status = now.status.name(), "a dispute moved on");
    }
}
