//! `payments`: one row per order.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use types::{Money, OrderId, PaymentId, UserId};

use super::fault;
use super::row::PaymentRow;
use crate::domain::{DisputeStatus, Payment, Refusal};
use crate::error::PaymentError;

/// Writes the order's payment if there is none.
#[tracing::instrument(name = "db.payments.open", skip_all, fields(order.id = %order))]
pub async fn open(
    conn: &mut PgConnection,
    order: OrderId,
    user: UserId,
    amount: Money,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    sqlx::query!(
        r#"
        insert into payments (order_id, user_id, amount_minor, currency, status, checked_at, created_at, updated_at)
        values ($1, $2, $3, $4, 'pending', $5, $5, $5)
            on conflict on constraint payments_order_id_key do nothing
        "#,
        order.get(),
        user.get(),
        amount.minor(),
        amount.currency().code(),
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("write the payment"))?;
    Ok(())
}

/// Writes a tombstone for the order if it has no payment: whoever asks for one later is refused.
#[tracing::instrument(name = "db.payments.bury", skip_all, fields(order.id = %order))]
pub async fn bury(conn: &mut PgConnection, order: OrderId, at: OffsetDateTime) -> Result<(), PaymentError> {
    sqlx::query!(
        r#"
        insert into payments (order_id, status, checked_at, created_at, updated_at)
        values ($1, 'cancelled', $2, $2, $2)
            on conflict on constraint payments_order_id_key do nothing
        "#,
        order.get(),
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("write the tombstone"))?;
    Ok(())
}

/// The order's payment.
#[tracing::instrument(name = "db.payments.find", skip_all, fields(order.id = %order))]
pub async fn find(conn: &mut PgConnection, order: OrderId) -> Result<Option<Payment>, PaymentError> {
    let row = sqlx::query_as!(
        PaymentRow,
        r#"
        select id, order_id, user_id, amount_minor, currency, status, payment_intent_id, client_secret,
               captured_minor, refunded_minor, refund_pending_minor, mismatched, dispute_status, disputed_minor,
               evidence_due_by, last_error, version, created_at, updated_at
          from payments
         where order_id = $1
        "#,
        order.get(),
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("read the payment"))?;
    row.map(Payment::try_from).transpose()
}

/// Locks the order's payment until the transaction ends.
#[tracing::instrument(name = "db.payments.lock", skip_all, fields(order.id = %order))]
pub async fn lock(conn: &mut PgConnection, order: OrderId) -> Result<Payment, PaymentError> {
    let row = sqlx::query_as!(
        PaymentRow,
        r#"
        select id, order_id, user_id, amount_minor, currency, status, payment_intent_id, client_secret,
               captured_minor, refunded_minor, refund_pending_minor, mismatched, dispute_status, disputed_minor,
               evidence_due_by, last_error, version, created_at, updated_at
          from payments
         where order_id = $1
           for update
        "#,
        order.get(),
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("lock the payment"))?;
    row.ok_or(Refusal::PaymentNotFound(order))?.try_into()
}

/// The order whose payment has this intent.
pub async fn order_of_intent(
    conn: &mut PgConnection,
    intent_id: &str,
) -> Result<Option<OrderId>, PaymentError> {
    let order = sqlx::query_scalar!(
        "select order_id from payments where payment_intent_id = $1",
        intent_id
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("look for the intent"))?;
    order
        .map(|id| OrderId::new(id).map_err(|_| PaymentError::Corrupt("order")))
        .transpose()
}

/// Writes everything that may change about a payment. Only under its lock.
#[tracing::instrument(name = "db.payments.save", skip_all, fields(order.id = %payment.order_id))]
pub async fn save(
    conn: &mut PgConnection,
    payment: &Payment,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    sqlx::query!(
        r#"
        update payments
           set status = $2, payment_intent_id = $3, client_secret = $4, captured_minor = $5, refunded_minor = $6,
               refund_pending_minor = $7, mismatched = $8, dispute_status = $9, last_error = $10,
               disputed_minor = $12, evidence_due_by = $13, version = version + 1, updated_at = $11
         where id = $1
        "#,
        payment.id.get(),
        payment.status.name(),
        payment.intent_id,
        payment.client_secret,
        payment.captured_minor,
        payment.refunded_minor,
        payment.refund_pending_minor,
        payment.mismatched,
        payment.disputed.status.map_or("none", DisputeStatus::name),
        payment.last_error,
        at,
        payment.disputed.withheld_minor,
        payment.disputed.evidence_due_by,
    )
    .execute(conn)
    .await
    .map_err(fault("save the payment"))?;
    Ok(())
}

/// Sets money aside for a refund, if that much is left: whoever comes second finds less. False if it is not.
#[tracing::instrument(name = "db.payments.set_aside", skip_all)]
pub async fn set_aside(
    conn: &mut PgConnection,
    id: PaymentId,
    minor: i64,
    at: OffsetDateTime,
) -> Result<bool, PaymentError> {
    let written = sqlx::query!(
        r#"
        update payments
           set refund_pending_minor = refund_pending_minor + $2, version = version + 1, updated_at = $3
         where id = $1 and captured_minor - refunded_minor - refund_pending_minor >= $2
        "#,
        id.get(),
        minor,
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("set the refund aside"))?;
    Ok(written.rows_affected() == 1)
}

/// Notes that an open payment is looked after now, unless somebody did within `span`; then false.
#[tracing::instrument(name = "db.payments.look_at", skip_all, fields(order.id = %order))]
pub async fn look_at(
    pool: &PgPool,
    order: OrderId,
    now: OffsetDateTime,
    span: Duration,
) -> Result<bool, PaymentError> {
    let written = sqlx::query!(
        "update payments set checked_at = $2 where order_id = $1 and checked_at <= $3",
        order.get(),
        now,
        now - span,
    )
    .execute(pool)
    .await
    .map_err(fault("look after the payment"))?;
    Ok(written.rows_affected() == 1)
}

/// Takes open payments that nobody has looked after for `span`, up to `limit`, and notes that they are looked after
/// now.
#[tracing::instrument(name = "db.payments.unwatched", skip_all)]
pub async fn unwatched(
    pool: &PgPool,
    now: OffsetDateTime,
    span: Duration,
    limit: i64,
) -> Result<Vec<OrderId>, PaymentError> {
    let orders = sqlx::query_scalar!(
        r#"
        update payments
           set checked_at = $1
         where id in (
               select id
                 from payments
                where checked_at <= $2
                  and status in ('pending', 'processing', 'requires_action', 'failed')
                  and payment_intent_id is not null
                order by checked_at
                limit $3
                  for update skip locked)
        returning order_id
        "#,
        now,
        now - span,
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(fault("look for payments that nobody watches"))?;
    let order = |id| OrderId::new(id).map_err(|_| PaymentError::Corrupt("order"));
    orders.into_iter().map(order).collect()
}
