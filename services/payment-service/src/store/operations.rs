//! `operations`: writes at the provider, written down before they are made.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use types::{OrderId, PaymentId, RefundId};

use super::fault;
use crate::domain::{Payment, Refund};
use crate::error::PaymentError;

/// What is written over there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Makes the intent.
    CreateIntent,
    /// Cancels it.
    CancelIntent,
    /// Sends money back.
    Refund,
}

impl Kind {
    const ALL: [Self; 3] = [Self::CreateIntent, Self::CancelIntent, Self::Refund];

    /// The word for it in the database and in keys.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateIntent => "create_intent",
            Self::CancelIntent => "cancel_intent",
            Self::Refund => "refund",
        }
    }
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was made.
    Done,
    /// It was not, for this reason.
    Refused(String),
}

/// A write whose outcome is not known yet.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The idempotency key; the same on every attempt.
    pub key: String,
    /// The order whose payment it changes.
    pub order_id: OrderId,
    /// What is written.
    pub kind: Kind,
    /// The refund, if it is one.
    pub refund_id: Option<RefundId>,
    /// How often it was taken up again.
    pub attempts: i32,
    /// When it was begun; keys are forgotten over there after a day.
    pub created_at: OffsetDateTime,
}

/// Writes down that the intents of these payments are to be made, or cancelled, or finds it written down already. Taken up
/// by a worker from `next_at` on. The key names the row and the attempt: the same row never uses one key for two things.
#[tracing::instrument(name = "db.operations.start", skip_all, fields(kind = kind.name(), operations = payments.len()))]
pub async fn start_all(
    conn: &mut PgConnection,
    payments: &[&Payment],
    kind: Kind,
    at: OffsetDateTime,
    next_at: OffsetDateTime,
) -> Result<HashMap<PaymentId, Operation>, PaymentError> {
    if payments.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = payments.iter().map(|p| p.id.get()).collect();
    let names: Vec<String> = payments
        .iter()
        .map(|p| key(kind, p.id.get(), p.created_at))
        .collect();
    let rows = sqlx::query!(
        r#"
        with prior as (
            select given.payment_id, given.name, count(o.key) as ended,
                   min(o.key) filter (where o.state = 'started') as running
              from unnest($1::bigint[], $2::text[]) as given (payment_id, name)
              left join operations o on o.payment_id = given.payment_id and o.kind = $3
             group by given.payment_id, given.name
        ), written as (
            insert into operations (key, payment_id, kind, state, next_at, created_at)
            select name || '-' || (ended + 1)::text, payment_id, $3, 'started', $5, $4
              from prior
             where running is null
            returning payment_id, key, created_at
        )
        select payment_id as "payment_id!", key as "key!", created_at as "created_at!" from written
        union all
        select o.payment_id, o.key, o.created_at from operations o join prior on prior.running = o.key
        "#,
        &ids,
        &names,
        kind.name(),
        at,
        next_at,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("write operations down"))?;
    let orders: HashMap<i64, &Payment> = payments.iter().map(|p| (p.id.get(), *p)).collect();
    let operation = |payment: &Payment, key, created_at| Operation {
        key,
        order_id: payment.order_id,
        kind,
        refund_id: None,
        attempts: 0,
        created_at,
    };
    rows.into_iter()
        .map(|row| {
            let payment = orders
                .get(&row.payment_id)
                .ok_or(PaymentError::Corrupt("operation"))?;
            Ok((payment.id, operation(payment, row.key, row.created_at)))
        })
        .collect()
}

/// [`start_all`] for one.
pub async fn start(
    conn: &mut PgConnection,
    payment: &Payment,
    kind: Kind,
    at: OffsetDateTime,
    next_at: OffsetDateTime,
) -> Result<Operation, PaymentError> {
    let started = start_all(conn, &[payment], kind, at, next_at).await?;
    let operation = started.into_values().next();
    operation.ok_or(PaymentError::Corrupt("operation"))
}

/// Writes down that a refund is to be made.
#[tracing::instrument(name = "db.operations.start_refund", skip_all)]
pub async fn start_refund(
    conn: &mut PgConnection,
    payment: &Payment,
    refund: &Refund,
    at: OffsetDateTime,
    next_at: OffsetDateTime,
) -> Result<Operation, PaymentError> {
    let key = key(Kind::Refund, refund.id.get(), refund.created_at);
    sqlx::query!(
        r#"
        insert into operations (key, payment_id, refund_id, kind, state, next_at, created_at)
        values ($1, $2, $3, $4, 'started', $5, $6)
        "#,
        key,
        payment.id.get(),
        refund.id.get(),
        Kind::Refund.name(),
        next_at,
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("write down the refund's operation"))?;
    Ok(Operation {
        key,
        order_id: payment.order_id,
        kind: Kind::Refund,
        refund_id: Some(refund.id),
        attempts: 0,
        created_at: at,
    })
}

/// Row ids start anew when a database does, and the provider remembers: the row's time tells them apart.
fn key(kind: Kind, id: i64, created_at: OffsetDateTime) -> String {
    format!(
        "souk-{}-{id}-{:x}",
        kind.name(),
        created_at.unix_timestamp_nanos() / 1_000
    )
}

/// The payment's operation of that kind that has not ended, if there is one.
pub async fn running(
    conn: &mut PgConnection,
    payment: &Payment,
    kind: Kind,
) -> Result<Option<Operation>, PaymentError> {
    let row = sqlx::query!(
        r#"
        select key, attempts, created_at
          from operations
         where payment_id = $1 and kind = $2 and state = 'started'
        "#,
        payment.id.get(),
        kind.name(),
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("look for an operation"))?;
    Ok(row.map(|row| Operation {
        key: row.key,
        order_id: payment.order_id,
        kind,
        refund_id: None,
        attempts: row.attempts,
        created_at: row.created_at,
    }))
}

/// Whether a refund of the payment is at the provider, and how it ends is not known.
pub async fn is_refunding(conn: &mut PgConnection, payment: PaymentId) -> Result<bool, PaymentError> {
    sqlx::query_scalar!(
        r#"
        select exists (select from operations
                        where payment_id = $1 and kind = 'refund' and state = 'started') as "is_refunding!"
        "#,
        payment.get(),
    )
    .fetch_one(conn)
    .await
    .map_err(fault("look for refunds that are under way"))
}

/// The refund's operation, if it has not ended.
pub async fn of_refund(
    conn: &mut PgConnection,
    order_id: OrderId,
    refund: RefundId,
) -> Result<Option<Operation>, PaymentError> {
    let row = sqlx::query!(
        "select key, attempts, created_at from operations where refund_id = $1 and state = 'started'",
        refund.get(),
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("look for the refund's operation"))?;
    Ok(row.map(|row| Operation {
        key: row.key,
        order_id,
        kind: Kind::Refund,
        refund_id: Some(refund),
        attempts: row.attempts,
        created_at: row.created_at,
    }))
}

/// Notes how operations ended, by their keys. Whoever is first says so; a second says nothing.
#[tracing::instrument(name = "db.operations.end", skip_all, fields(operations = ended.len()))]
pub async fn end_all(conn: &mut PgConnection, ended: &[(&str, &Ended)]) -> Result<(), PaymentError> {
    if ended.is_empty() {
        return Ok(());
    }
    let keys: Vec<&str> = ended.iter().map(|(key, _)| *key).collect();
    let errors: Vec<Option<&str>> = ended
        .iter()
        .map(|(_, ended)| match ended {
            Ended::Done => None,
            Ended::Refused(why) => Some(why.as_str()),
        })
        .collect();
    sqlx::query!(
        r#"
        update operations o
           set state = case when given.error is null then 'done' else 'refused' end, error = given.error
          from unnest($1::text[], $2::text[]) as given (key, error)
         where o.key = given.key and o.state = 'started'
        "#,
        &keys as &[&str],
        &errors as &[Option<&str>],
    )
    .execute(conn)
    .await
    .map_err(fault("note how operations ended"))?;
    Ok(())
}

/// Notes that its outcome is still unknown, and when to look again.
#[tracing::instrument(name = "db.operations.postpone", skip_all)]
pub async fn postpone(
    conn: &mut PgConnection,
    key: &str,
    why: &str,
    next_at: OffsetDateTime,
) -> Result<(), PaymentError> {
    sqlx::query!(
        "update operations set error = $2, next_at = $3 where key = $1 and state = 'started'",
        key,
        why,
        next_at,
    )
    .execute(conn)
    .await
    .map_err(fault("postpone the operation"))?;
    Ok(())
}

/// Takes up to `limit` operations whose time has come and holds them until `now + lease`.
#[tracing::instrument(name = "db.operations.claim", skip_all)]
pub async fn claim(
    pool: &PgPool,
    now: OffsetDateTime,
    lease: Duration,
    limit: i64,
) -> Result<Vec<Operation>, PaymentError> {
    let rows = sqlx::query!(
        r#"
        update operations o
           set attempts = o.attempts + 1, next_at = $2
          from payments p
         where p.id = o.payment_id
           and o.key in (
               select key from operations
                where state = 'started' and next_at <= $1
                order by next_at
                limit $3
                  for update skip locked)
        returning o.key, p.order_id, o.kind, o.refund_id, o.attempts, o.created_at
        "#,
        now,
        now + lease,
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(fault("claim operations"))?;
    rows.into_iter()
        .map(|row| {
            let refund_id = row.refund_id.map(RefundId::new).transpose();
            Ok(Operation {
                key: row.key,
                order_id: OrderId::new(row.order_id).map_err(|_| PaymentError::Corrupt("order"))?,
                kind: Kind::ALL
                    .into_iter()
                    .find(|k| k.name() == row.kind)
                    .ok_or(PaymentError::Corrupt("operation"))?,
                refund_id: refund_id.map_err(|_| PaymentError::Corrupt("refund"))?,
                attempts: row.attempts,
                created_at: row.created_at,
            })
        })
        .collect()
}

/// How many have not ended although they were begun before `before`.
pub async fn overdue(pool: &PgPool, before: OffsetDateTime) -> Result<i64, PaymentError> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from operations where state = 'started' and created_at < $1"#,
        before,
    )
    .fetch_one(pool)
    .await
    .map_err(fault("count operations"))
}
