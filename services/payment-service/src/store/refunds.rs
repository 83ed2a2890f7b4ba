//! `refunds`: money on its way back, whoever sent it.

use std::collections::HashMap;

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{OrderId, PaymentId, RefundId};

use super::fault;
use super::row::RefundRow;
use crate::domain::{Refund, RefundSeen};
use crate::error::PaymentError;

/// A refund to be written, before the provider hears of it.
#[derive(Clone, Copy, Debug)]
pub struct NewRefund<'a> {
    /// What it takes from.
    pub payment_id: PaymentId,
    /// Names it, where a saga asks.
    pub ask_key: Option<&'a str>,
    /// How much.
    pub amount_minor: i64,
    /// Why.
    pub reason: Option<&'a str>,
}

/// Writes a refund of ours.
#[tracing::instrument(name = "db.refunds.insert", skip_all)]
pub async fn insert(
    conn: &mut PgConnection,
    new: NewRefund<'_>,
    at: OffsetDateTime,
) -> Result<Refund, PaymentError> {
    sqlx::query_as!(
        RefundRow,
        r#"
        insert into refunds (payment_id, ask_key, amount_minor, status, reason, created_at, updated_at)
        values ($1, $2, $3, 'pending', $4, $5, $5)
        returning id, payment_id, amount_minor, status, provider_id, reason, error, created_at
        "#,
        new.payment_id.get(),
        new.ask_key,
        new.amount_minor,
        new.reason,
        at,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("write the refund"))?
    .try_into()
}

/// Writes a refund that was made elsewhere.
#[tracing::instrument(name = "db.refunds.adopt", skip_all)]
pub async fn adopt(
    conn: &mut PgConnection,
    payment_id: PaymentId,
    seen: &RefundSeen,
    at: OffsetDateTime,
) -> Result<Refund, PaymentError> {
    sqlx::query_as!(
        RefundRow,
        r#"
        insert into refunds (payment_id, amount_minor, status, provider_id, error, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $6)
        returning id, payment_id, amount_minor, status, provider_id, reason, error, created_at
        "#,
        payment_id.get(),
        seen.amount_minor,
        seen.status.name(),
        seen.id,
        seen.failure,
        at,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("adopt the refund"))?
    .try_into()
}

/// The refund.
pub async fn find(conn: &mut PgConnection, id: RefundId) -> Result<Option<Refund>, PaymentError> {
    let row = sqlx::query_as!(
        RefundRow,
        r#"
        select id, payment_id, amount_minor, status, provider_id, reason, error, created_at
          from refunds
         where id = $1
        "#,
        id.get(),
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("read the refund"))?;
    row.map(Refund::try_from).transpose()
}

/// All refunds of a payment, the oldest first.
#[tracing::instrument(name = "db.refunds.of", skip_all)]
pub async fn of(conn: &mut PgConnection, payment_id: PaymentId) -> Result<Vec<Refund>, PaymentError> {
    let rows = sqlx::query_as!(
        RefundRow,
        r#"
        select id, payment_id, amount_minor, status, provider_id, reason, error, created_at
          from refunds
         where payment_id = $1
         order by id
        "#,
        payment_id.get(),
    )
    .fetch_all(conn)
    .await
    .map_err(fault("read the refunds"))?;
    rows.into_iter().map(Refund::try_from).collect()
}

/// The refund of that name, unless it came to nothing.
pub async fn asked(
    conn: &mut PgConnection,
    payment_id: PaymentId,
    ask_key: &str,
) -> Result<Option<Refund>, PaymentError> {
    let row = sqlx::query_as!(
        RefundRow,
        r#"
        select id, payment_id, amount_minor, status, provider_id, reason, error, created_at
          from refunds
         where payment_id = $1 and ask_key = $2 and status not in ('failed', 'canceled')
        "#,
        payment_id.get(),
        ask_key,
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("look for the refund by its name"))?;
    row.map(Refund::try_from).transpose()
}

/// Writes where a refund stands. Only under its payment's lock.
#[tracing::instrument(name = "db.refunds.save", skip_all)]
pub async fn save(conn: &mut PgConnection, refund: &Refund, at: OffsetDateTime) -> Result<(), PaymentError> {
    sqlx::query!(
        "update refunds set status = $2, provider_id = $3, error = $4, updated_at = $5 where id = $1",
        refund.id.get(),
        refund.status.name(),
        refund.provider_id,
        refund.error,
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("save the refund"))?;
    Ok(())
}

/// The orders whose money these refunds return.
pub async fn orders_of(
    conn: &mut PgConnection,
    refunds: &[RefundId],
) -> Result<HashMap<RefundId, OrderId>, PaymentError> {
    if refunds.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = refunds.iter().map(|refund| refund.get()).collect();
    let rows = sqlx::query!(
        "select r.id, p.order_id from refunds r join payments p on p.id = r.payment_id where r.id = any($1)",
        &ids,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("look for the orders of refunds"))?;
    rows.into_iter()
        .map(|row| {
            let refund = RefundId::new(row.id).map_err(|_| PaymentError::Corrupt("refund"))?;
            let order = OrderId::new(row.order_id).map_err(|_| PaymentError::Corrupt("order"))?;
            Ok((refund, order))
        })
        .collect()
}
