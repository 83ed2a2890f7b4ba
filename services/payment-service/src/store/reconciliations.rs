//! What a reconciliation reads of our books, many at a time, and what it writes down of itself.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::OrderId;

use super::fault;
use super::row::RefundRow;
use crate::domain::Refund;
use crate::domain::drift::{Finding, Scope};
use crate::error::PaymentError;

/// When the oldest payment or refund was begun that may still change by itself.
pub async fn oldest_open(conn: &mut PgConnection) -> Result<Option<OffsetDateTime>, PaymentError> {
    sqlx::query_scalar!(
        r#"
        select least(
            (select min(created_at) from payments
              where status in ('pending', 'processing', 'requires_action', 'failed')
                and payment_intent_id is not null),
            (select min(created_at) from refunds where status in ('pending', 'requires_action')))
        "#
    )
    .fetch_one(conn)
    .await
    .map_err(fault("look for the oldest open payment"))
}

/// The refunds that have one of these ids over there.
#[tracing::instrument(name = "db.reconciliations.refunds", skip_all)]
pub async fn refunds(conn: &mut PgConnection, ids: &[String]) -> Result<Vec<Refund>, PaymentError> {
    let rows = sqlx::query_as!(
        RefundRow,
        r#"
        select id, payment_id, amount_minor, status, provider_id, reason, error, created_at
          from refunds
         where provider_id = any($1)
        "#,
        ids,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("read refunds by their ids over there"))?;
    rows.into_iter().map(Refund::try_from).collect()
}

/// Something of ours that must be over there.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Its row; of a dispute, its payment's.
    pub row: i64,
    /// Its id over there.
    pub object_id: String,
    /// The order that it belongs to.
    pub order_id: i64,
    /// How much money it is about: what arrived, what went back, or what is disputed.
    pub amount_minor: i64,
    /// Of that currency.
    pub currency: String,
}

/// The last payment that was begun before `at`: the rows after it are all there is from then on, give or take how far
/// clocks differ. 0 if there is none.
pub async fn last_payment(conn: &mut PgConnection, at: OffsetDateTime) -> Result<i64, PaymentError> {
    let id = sqlx::query_scalar!(
        "select id from payments where created_at < $1 order by id desc limit 1",
        at
    );
    let id = id.fetch_optional(conn).await;
    Ok(id
        .map_err(fault("look for the last payment before"))?
        .unwrap_or(0))
}

/// The same of refunds.
pub async fn last_refund(conn: &mut PgConnection, at: OffsetDateTime) -> Result<i64, PaymentError> {
    let id = sqlx::query_scalar!(
        "select id from refunds where created_at < $1 order by id desc limit 1",
        at
    );
    let id = id.fetch_optional(conn).await;
    Ok(id.map_err(fault("look for the last refund before"))?.unwrap_or(0))
}

/// Payments with an intent that were begun from `since` to `until`, after the row `after`.
#[tracing::instrument(name = "db.reconciliations.expected_intents", skip_all)]
pub async fn expected_intents(
    conn: &mut PgConnection,
    after: i64,
    (since, until): (Option<OffsetDateTime>, OffsetDateTime),
    limit: i64,
) -> Result<Vec<Expected>, PaymentError> {
    sqlx::query_as!(
        Expected,
        r#"
        select id as row, payment_intent_id as "object_id!", order_id, captured_minor as amount_minor,
               coalesce(currency, '') as "currency!"
          from payments
         where id > $1 and ($2::timestamptz is null or created_at >= $2) and created_at <= $3
           and payment_intent_id is not null
         order by id
         limit $4
        "#,
        after,
        since,
        until,
        limit,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("list the intents that must be over there"))
}

/// Refunds that the provider took, written here from `since` to `until`, after the row `after`.
#[tracing::instrument(name = "db.reconciliations.expected_refunds", skip_all)]
pub async fn expected_refunds(
    conn: &mut PgConnection,
    after: i64,
    (since, until): (Option<OffsetDateTime>, OffsetDateTime),
    limit: i64,
) -> Result<Vec<Expected>, PaymentError> {
    sqlx::query_as!(
        Expected,
        r#"
        select r.id as row, r.provider_id as "object_id!", p.order_id, r.amount_minor,
               coalesce(p.currency, '') as "currency!"
          from refunds r
          join payments p on p.id = r.payment_id
         where r.id > $1 and ($2::timestamptz is null or r.created_at >= $2) and r.created_at <= $3
           and r.provider_id is not null
         order by r.id
         limit $4
        "#,
        after,
        since,
        until,
        limit,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("list the refunds that must be over there"))
}

/// Disputes that we heard of from `since` to `until`, of payments after the row `after`: at least `limit` if there are, and
/// always all of a payment.
#[tracing::instrument(name = "db.reconciliations.expected_disputes", skip_all)]
pub async fn expected_disputes(
    conn: &mut PgConnection,
    after: i64,
    (since, until): (Option<OffsetDateTime>, OffsetDateTime),
    limit: i64,
) -> Result<Vec<Expected>, PaymentError> {
    sqlx::query_as!(
        Expected,
        r#"
        select d.payment_id as row, d.provider_id as object_id, p.order_id, d.amount_minor,
               coalesce(p.currency, '') as "currency!"
          from disputes d
          join payments p on p.id = d.payment_id
         where d.payment_id > $1 and ($2::timestamptz is null or d.created_at >= $2) and d.created_at <= $3
         order by d.payment_id
         fetch first ($4::bigint) rows with ties
        "#,
        after,
        since,
        until,
        limit,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("list the disputes that must be over there"))
}

/// A reconciliation that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// How far it looked.
    pub scope: Scope,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// When it ended.
    pub ended_at: OffsetDateTime,
    /// How many objects it looked at.
    pub checked: i64,
    /// What differed.
    pub findings: &'a [Finding],
}

/// Writes down a reconciliation and what it found; returns its id.
#[tracing::instrument(name = "db.reconciliations.insert", skip_all)]
pub async fn insert(conn: &mut PgConnection, ended: Ended<'_>) -> Result<i64, PaymentError> {
    let findings = ended.findings;
    let objects: Vec<&str> = findings.iter().map(|f| f.object_id.as_str()).collect();
    let orders: Vec<Option<i64>> = findings.iter().map(|f| f.order.map(OrderId::get)).collect();
    let whats: Vec<&str> = findings.iter().map(|f| f.what.as_str()).collect();
    let amounts: Vec<i64> = findings.iter().map(|f| f.minor).collect();
    let currencies: Vec<&str> = findings.iter().map(|f| f.currency.as_str()).collect();
    let repaired: Vec<bool> = findings.iter().map(|f| f.repaired).collect();
    sqlx::query_scalar!(
        r#"
        with run as (
            insert into reconciliations (scope, started_at, ended_at, checked, repaired, unexplained)
            select $1, $2, $3, $4, count(*) filter (where r), count(*) filter (where not r)
              from unnest($10::boolean[]) as finding (r)
            returning id
        ), found as (
            insert into reconciliation_findings
                   (reconciliation_id, object_id, order_id, what, amount_minor, currency, repaired)
            select run.id, f.object_id, f.order_id, f.what, f.amount_minor, f.currency, f.repaired
              from run
             cross join unnest($5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::boolean[])
                        as f (object_id, order_id, what, amount_minor, currency, repaired)
        )
        select id as "id!" from run
        "#,
        ended.scope.name(),
        ended.started_at,
        ended.ended_at,
        ended.checked,
        &objects as &[&str],
        &orders as &[Option<i64>],
        &whats as &[&str],
        &amounts,
        &currencies as &[&str],
        &repaired,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("write down the reconciliation"))
}

/// Forgets reconciliations that ended before `before`.
pub async fn prune(conn: &mut PgConnection, before: OffsetDateTime) -> Result<(), PaymentError> {
    sqlx::query!("delete from reconciliations where ended_at < $1", before)
        .execute(conn)
        .await
        .map_err(fault("forget old reconciliations"))?;
    Ok(())
}
