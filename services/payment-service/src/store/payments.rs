//! `payments`: one row per order.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use types::{Money, OrderId, PaymentId, UserId};

use super::fault;
use super::row::PaymentRow;
use crate::domain::{DisputeStatus, Payment, Refusal};
use crate::error::PaymentError;

/// A payment that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct NewPayment {
    /// For which order.
    pub order_id: OrderId,
    /// Who pays.
    pub user_id: UserId,
    /// What the order costs.
    pub amount: Money,
}

/// Writes the payments of orders that have none, and returns those that it wrote. In one order, so that two batches do
/// not wait for each other.
#[tracing::instrument(name = "db.payments.open", skip_all, fields(payments = new.len()))]
pub async fn open_all(
    conn: &mut PgConnection,
    new: &[NewPayment],
    at: OffsetDateTime,
) -> Result<HashMap<OrderId, Payment>, PaymentError> {
    let orders: Vec<i64> = new.iter().map(|n| n.order_id.get()).collect();
    let users: Vec<i64> = new.iter().map(|n| n.user_id.get()).collect();
    let amounts: Vec<i64> = new.iter().map(|n| n.amount.minor()).collect();
    let currencies: Vec<&str> = new.iter().map(|n| n.amount.currency().code()).collect();
    let rows = sqlx::query_as!(
        PaymentRow,
        r#"
        insert into payments (order_id, user_id, amount_minor, currency, status, checked_at, created_at, updated_at)
        select order_id, user_id, amount_minor, currency, 'pending', $5, $5, $5
          from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])
               as given (order_id, user_id, amount_minor, currency)
         order by order_id
            on conflict on constraint payments_order_id_key do nothing
        returning id, order_id, user_id, amount_minor, currency, status, payment_intent_id, client_secret,
                  captured_minor, refunded_minor, refund_pending_minor, mismatched, dispute_status, disputed_minor,
                  evidence_due_by, last_error, version, created_at, updated_at
        "#,
        &orders,
        &users,
        &amounts,
        &currencies as &[&str],
        at,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("write payments"))?;
    by_order(rows)
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

/// Locks the payments of these orders until the transaction ends, in one order; those that there are.
#[tracing::instrument(name = "db.payments.lock", skip_all, fields(payments = orders.len()))]
pub async fn lock_all(
    conn: &mut PgConnection,
    orders: &[OrderId],
) -> Result<HashMap<OrderId, Payment>, PaymentError> {
    if orders.is_empty() {
        return Ok(HashMap::new());
    }
    let orders: Vec<i64> = orders.iter().map(|order| order.get()).collect();
    let rows = sqlx::query_as!(
        PaymentRow,
        r#"
        select id, order_id, user_id, amount_minor, currency, status, payment_intent_id, client_secret,
               captured_minor, refunded_minor, refund_pending_minor, mismatched, dispute_status, disputed_minor,
               evidence_due_by, last_error, version, created_at, updated_at
          from payments
         where order_id = any($1)
         order by order_id
           for update
        "#,
        &orders,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("lock payments"))?;
    by_order(rows)
}

/// [`lock_all`] for one.
pub async fn lock(conn: &mut PgConnection, order: OrderId) -> Result<Payment, PaymentError> {
    let locked = lock_all(conn, &[order]).await?.remove(&order);
    Ok(locked.ok_or(Refusal::PaymentNotFound(order))?)
}

/// The payments that have one of these intents, or are of one of these orders.
#[tracing::instrument(name = "db.payments.of", skip_all, fields(intents = intents.len(), orders = orders.len()))]
pub async fn of(
    conn: &mut PgConnection,
    intents: &[&str],
    orders: &[OrderId],
) -> Result<Vec<Payment>, PaymentError> {
    if intents.is_empty() && orders.is_empty() {
        return Ok(Vec::new());
    }
    let orders: Vec<i64> = orders.iter().map(|order| order.get()).collect();
    let rows = sqlx::query_as!(
        PaymentRow,
        r#"
        select id, order_id, user_id, amount_minor, currency, status, payment_intent_id, client_secret,
               captured_minor, refunded_minor, refund_pending_minor, mismatched, dispute_status, disputed_minor,
               evidence_due_by, last_error, version, created_at, updated_at
          from payments
         where payment_intent_id = any($1) or order_id = any($2)
        "#,
        intents as &[&str],
        &orders,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("look for payments"))?;
    rows.into_iter().map(Payment::try_from).collect()
}

fn by_order(rows: Vec<PaymentRow>) -> Result<HashMap<OrderId, Payment>, PaymentError> {
    let payments = rows.into_iter().map(Payment::try_from);
    payments.map(|p| p.map(|p| (p.order_id, p))).collect()
}

/// Writes everything that may change about payments. Only under their locks.
#[tracing::instrument(name = "db.payments.save", skip_all, fields(payments = payments.len()))]
pub async fn save_all(
    conn: &mut PgConnection,
    payments: &[&Payment],
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    if payments.is_empty() {
        return Ok(());
    }
    let c = Columns::of(payments);
    sqlx::query!(
        r#"
        update payments p
           set status = given.status, payment_intent_id = given.intent_id, client_secret = given.client_secret,
               captured_minor = given.captured, refunded_minor = given.refunded, refund_pending_minor = given.pending,
               mismatched = given.mismatched, dispute_status = given.dispute_status, disputed_minor = given.disputed,
               evidence_due_by = given.due_by, last_error = given.last_error, version = p.version + 1, updated_at = $13
          from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
                      $8::boolean[], $9::text[], $10::bigint[], $11::timestamptz[], $12::text[])
               as given (id, status, intent_id, client_secret, captured, refunded, pending, mismatched, dispute_status,
                         disputed, due_by, last_error)
         where p.id = given.id
        "#,
        &c.ids,
        &c.statuses as &[&str],
        &c.intents as &[Option<&str>],
        &c.secrets as &[Option<&str>],
        &c.captured,
        &c.refunded,
        &c.pending,
        &c.mismatched,
        &c.disputes as &[&str],
        &c.disputed,
        &c.due_by as &[Option<OffsetDateTime>],
        &c.errors as &[Option<&str>],
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("save payments"))?;
    Ok(())
}

/// [`save_all`] for one.
pub async fn save(
    conn: &mut PgConnection,
    payment: &Payment,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    save_all(conn, &[payment], at).await
}

/// What `unnest` takes.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<i64>,
    statuses: Vec<&'a str>,
    intents: Vec<Option<&'a str>>,
    secrets: Vec<Option<&'a str>>,
    captured: Vec<i64>,
    refunded: Vec<i64>,
    pending: Vec<i64>,
    mismatched: Vec<bool>,
    disputes: Vec<&'a str>,
    disputed: Vec<i64>,
    due_by: Vec<Option<OffsetDateTime>>,
    errors: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(payments: &[&'a Payment]) -> Self {
        let mut rows = Self::default();
        for payment in payments {
            rows.ids.push(payment.id.get());
            rows.statuses.push(payment.status.name());
            rows.intents.push(payment.intent_id.as_deref());
            rows.secrets.push(payment.client_secret.as_deref());
            rows.captured.push(payment.captured_minor);
            rows.refunded.push(payment.refunded_minor);
            rows.pending.push(payment.refund_pending_minor);
            rows.mismatched.push(payment.mismatched);
            rows.disputes
                .push(payment.disputed.status.map_or("none", DisputeStatus::name));
            rows.disputed.push(payment.disputed.withheld_minor);
            rows.due_by.push(payment.disputed.evidence_due_by);
            rows.errors.push(payment.last_error.as_deref());
        }
        rows
    }
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
