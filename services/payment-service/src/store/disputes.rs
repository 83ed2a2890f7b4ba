//! `disputes`: what banks want back, and what moved for it.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::PaymentId;

use super::fault;
use crate::domain::{Dispute, DisputeStatus, Moved};
use crate::error::PaymentError;

/// All disputes of a payment, the oldest first.
#[tracing::instrument(name = "db.disputes.of", skip_all)]
pub async fn of(conn: &mut PgConnection, payment: PaymentId) -> Result<Vec<Dispute>, PaymentError> {
    let rows = sqlx::query!(
        r#"
        select provider_id, status, amount_minor, reason, evidence_due_by, withdrawn_minor, withdrawn_fee_minor,
               withdrawn_currency, reinstated_minor, reinstated_fee_minor, reinstated_currency
          from disputes
         where payment_id = $1
         order by created_at, provider_id
        "#,
        payment.get(),
    )
    .fetch_all(conn)
    .await
    .map_err(fault("read the disputes"))?;
    let moved = |minor: Option<i64>, fee: Option<i64>, currency: Option<String>| {
        let ((minor, fee_minor), currency) = minor.zip(fee).zip(currency)?;
        Some(Moved {
            minor,
            fee_minor,
            currency,
        })
    };
    rows.into_iter()
        .map(|row| {
            Ok(Dispute {
                id: row.provider_id,
                status: DisputeStatus::named(&row.status).ok_or(PaymentError::Corrupt("dispute"))?,
                amount_minor: row.amount_minor,
                reason: row.reason,
                evidence_due_by: row.evidence_due_by,
                withdrawn: moved(
                    row.withdrawn_minor,
                    row.withdrawn_fee_minor,
                    row.withdrawn_currency,
                ),
                reinstated: moved(
                    row.reinstated_minor,
                    row.reinstated_fee_minor,
                    row.reinstated_currency,
                ),
            })
        })
        .collect()
}

/// Writes a dispute as it stands now. Only under its payment's lock. False if it is another payment's.
#[tracing::instrument(name = "db.disputes.save", skip_all)]
pub async fn save(
    conn: &mut PgConnection,
    payment: PaymentId,
    dispute: &Dispute,
    at: OffsetDateTime,
) -> Result<bool, PaymentError> {
    let (withdrawn, reinstated) = (dispute.withdrawn.as_ref(), dispute.reinstated.as_ref());
    let written = sqlx::query!(
        r#"
        insert into disputes as d (provider_id, payment_id, status, amount_minor, reason, evidence_due_by,
                                   withdrawn_minor, withdrawn_fee_minor, withdrawn_currency,
                                   reinstated_minor, reinstated_fee_minor, reinstated_currency,
                                   created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
            on conflict on constraint disputes_pkey
            do update set status = excluded.status, amount_minor = excluded.amount_minor, reason = excluded.reason,
                          evidence_due_by = excluded.evidence_due_by, withdrawn_minor = excluded.withdrawn_minor,
                          withdrawn_fee_minor = excluded.withdrawn_fee_minor,
                          withdrawn_currency = excluded.withdrawn_currency,
                          reinstated_minor = excluded.reinstated_minor,
                          reinstated_fee_minor = excluded.reinstated_fee_minor,
                          reinstated_currency = excluded.reinstated_currency, updated_at = excluded.updated_at
                    where d.payment_id = excluded.payment_id
        "#,
        dispute.id,
        payment.get(),
        dispute.status.name(),
        dispute.amount_minor,
        dispute.reason,
        dispute.evidence_due_by,
        withdrawn.map(|m| m.minor),
        withdrawn.map(|m| m.fee_minor),
        withdrawn.map(|m| m.currency.as_str()),
        reinstated.map(|m| m.minor),
        reinstated.map(|m| m.fee_minor),
        reinstated.map(|m| m.currency.as_str()),
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("save the dispute"))?;
    Ok(written.rows_affected() == 1)
}
