//! The books: whether refunds add up, and whether work at the provider is looked after.

use pg::audit::Tally;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use super::fault;
use crate::error::PaymentError;

/// What the money of an order is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderMoney {
    /// The order.
    pub order_id: i64,
    /// Where the payment stands.
    pub status: String,
    /// In which currency; none in a tombstone.
    pub currency: Option<String>,
    /// What arrived, in minor units.
    pub captured_minor: i64,
    /// What went back.
    pub refunded_minor: i64,
    /// What is on its way back.
    pub refund_pending_minor: i64,
    /// What was on its way, or gone, and came back: refunds that the provider took and that came to nothing.
    pub returned_minor: i64,
    /// What a bank took for good: its dispute was lost.
    pub lost_minor: i64,
    /// What arrived is not what was asked for.
    pub mismatched: bool,
    /// Nothing of it changed lately.
    pub settled: bool,
}

/// Payments whose refunds are not what they say went back, or are more than what arrived (PAY-12).
#[tracing::instrument(name = "db.audit.refunds", skip_all)]
pub async fn refunds(conn: &mut PgConnection) -> Result<Tally, PaymentError> {
    sqlx::query_as!(
        Tally,
        r#"
        with sums as (
            select payment_id, coalesce(sum(amount_minor) filter (where status = 'succeeded'), 0)::bigint as back,
                   coalesce(sum(amount_minor) filter (where status in ('pending', 'requires_action')), 0)::bigint
                       as on_its_way
              from refunds
             group by payment_id
        ), judged as (
            select p.order_id, p.captured_minor, p.refunded_minor, p.refund_pending_minor,
                   p.refunded_minor <> coalesce(s.back, 0) or p.refund_pending_minor <> coalesce(s.on_its_way, 0)
                       or p.refunded_minor + p.refund_pending_minor > p.captured_minor as wrong,
                   coalesce(s.back, 0) as back, coalesce(s.on_its_way, 0) as on_its_way
              from payments p
              left join sums s on s.payment_id = p.id
        )
        select count(*) as "checked!", count(*) filter (where wrong) as "broken!",
               coalesce((array_agg(format('order %s: of %s, %s + %s went back, its refunds are %s + %s', order_id,
                                          captured_minor, refunded_minor, refund_pending_minor, back, on_its_way)
                                   order by order_id) filter (where wrong))[1:5], '{}') as "first!"
          from judged
        "#,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("add up refunds"))
}

/// Calls of the provider that are in doubt, and those that were due before `overdue_before` and nobody has taken up
/// (PAY-5).
#[tracing::instrument(name = "db.audit.operations", skip_all)]
pub async fn operations(
    conn: &mut PgConnection,
    overdue_before: OffsetDateTime,
) -> Result<Tally, PaymentError> {
    sqlx::query_as!(
        Tally,
        r#"
        select count(*) as "checked!", count(*) filter (where state = 'started' and next_at < $1) as "broken!",
               coalesce((array_agg(format('%s is due since %s, and nobody works on it', key, next_at) order by key)
                         filter (where state = 'started' and next_at < $1))[1:5], '{}') as "first!"
          from operations
        "#,
        overdue_before,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("look for calls in doubt"))
}

/// Webhooks, and those that were given up or were due before `overdue_before` and nobody has taken up (PAY-7).
#[tracing::instrument(name = "db.audit.webhooks", skip_all)]
pub async fn webhooks(
    conn: &mut PgConnection,
    overdue_before: OffsetDateTime,
) -> Result<Tally, PaymentError> {
    sqlx::query_as!(
        Tally,
        r#"
        with judged as (
            select id, provider_event_id, type, state,
                   state = 'dead' or state = 'received' and next_at < $1 as wrong
              from webhook_events
        )
        select count(*) as "checked!", count(*) filter (where wrong) as "broken!",
               coalesce((array_agg(format('webhook %s (%s) is %s', provider_event_id, type, state) order by id)
                         filter (where wrong))[1:5], '{}') as "first!"
          from judged
        "#,
        overdue_before,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("look for webhooks left over"))
}

/// The money of the orders after `after` up to `upto`, in their order.
#[tracing::instrument(name = "db.audit.orders", skip_all)]
pub async fn orders(
    pool: &PgPool,
    after: i64,
    upto: i64,
    settled_before: OffsetDateTime,
) -> Result<Vec<OrderMoney>, PaymentError> {
    sqlx::query_as!(
        OrderMoney,
        r#"
        select p.order_id, p.status, p.currency, p.captured_minor, p.refunded_minor, p.refund_pending_minor,
               (select coalesce(sum(r.amount_minor), 0)::bigint
                  from refunds r
                 where r.payment_id = p.id and r.status in ('failed', 'canceled') and r.provider_id is not null)
                   as "returned_minor!",
               case p.dispute_status when 'lost' then p.disputed_minor else 0 end as "lost_minor!",
               p.mismatched, p.updated_at < $3 as "settled!"
          from payments p
         where p.order_id > $1 and p.order_id <= $2
         order by p.order_id
        "#,
        after,
        upto,
        settled_before,
    )
    .fetch_all(pool)
    .await
    .map_err(fault("read the money of orders"))
}

/// How many calls of the provider are in doubt, and webhooks not worked off.
#[tracing::instrument(name = "db.audit.waiting", skip_all)]
pub async fn waiting(conn: &mut PgConnection) -> Result<i64, PaymentError> {
    sqlx::query_scalar!(
        r#"
        select (select count(*) from operations where state = 'started')
             + (select count(*) from webhook_events where state = 'received') as "count!"
        "#
    )
    .fetch_one(conn)
    .await
    .map_err(fault("count what waits"))
}

/// Entries of the ledger whose debits are not their credits: where all are right, so is the sum of each currency
/// (PAY-17).
#[tracing::instrument(name = "db.audit.balance", skip_all)]
pub async fn balance(conn: &mut PgConnection) -> Result<Tally, PaymentError> {
    sqlx::query_as!(
        Tally,
        r#"
        with sums as (
            select entry_id, sum(amount_minor) filter (where amount_minor > 0) as debits,
                   - sum(amount_minor) filter (where amount_minor < 0) as credits
              from ledger_lines
             group by entry_id
        ), judged as (
            select e.id, e.object_id, e.fact, e.currency, coalesce(s.debits, 0) as debits,
                   coalesce(s.credits, 0) as credits, s.debits is distinct from s.credits as wrong
              from ledger_entries e
              left join sums s on s.entry_id = e.id
        )
        select count(*) as "checked!", count(*) filter (where wrong) as "broken!",
               coalesce((array_agg(format('entry %s (%s %s): debits of %s and credits of %s %s', id, object_id, fact,
                                          debits, credits, currency) order by id)
                         filter (where wrong))[1:5], '{}') as "first!"
          from judged
        "#,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("add up the ledger"))
}

/// Payments of which the ledger says something else than they do themselves (PAY-17).
#[tracing::instrument(name = "db.audit.ledger", skip_all)]
pub async fn ledger(conn: &mut PgConnection) -> Result<Tally, PaymentError> {
    sqlx::query_as!(
        Tally,
        r#"
        with posted as (
            select e.payment_id,
                   coalesce(sum(l.amount_minor) filter (where e.fact in ('captured', 'mismatched')), 0)::bigint
                       as captured,
                   coalesce(- sum(l.amount_minor) filter (where e.fact in ('refunded', 'refund_returned')), 0)::bigint
                       as refunded
              from ledger_entries e
              join ledger_lines l on l.entry_id = e.id and l.account = 'provider'
             group by e.payment_id
        ), judged as (
            select p.order_id, p.captured_minor, p.refunded_minor, coalesce(t.captured, 0) as captured,
                   coalesce(t.refunded, 0) as refunded,
                   p.captured_minor <> coalesce(t.captured, 0) or p.refunded_minor <> coalesce(t.refunded, 0) as wrong
              from payments p
              left join posted t on t.payment_id = p.id
        )
        select count(*) as "checked!", count(*) filter (where wrong) as "broken!",
               coalesce((array_agg(format('order %s: %s came and %s went back, the ledger has %s and %s', order_id,
                                          captured_minor, refunded_minor, captured, refunded) order by order_id)
                         filter (where wrong))[1:5], '{}') as "first!"
          from judged
        "#,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("compare payments with the ledger"))
}
