//! The books: whether orders add up, have one legal history, and are looked after.

use pg::audit::Tally;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use super::fault;
use crate::domain::Status;
use crate::error::OrderError;

/// What orders say of themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderStands {
    /// The order.
    pub id: i64,
    /// Where it stands.
    pub status: String,
    /// What it says of its payment.
    pub payment_status: String,
    /// What it costs, in minor units.
    pub total_minor: i64,
    /// In which currency.
    pub currency: String,
    /// Nothing of it changed lately, and no saga works on it.
    pub settled: bool,
}

/// Orders whose lines are not their subtotal, or whose parts are not their total (ORD-4).
#[tracing::instrument(name = "db.audit.sums", skip_all)]
pub async fn sums(conn: &mut PgConnection) -> Result<Tally, OrderError> {
    sqlx::query_as!(
        Tally,
        r#"
        with sums as (
            select o.id, o.subtotal_minor, coalesce(l.sum, 0) as lines,
                   -- Where prices hold the tax, the subtotal is what is left of them without it.
                   o.subtotal_minor + case when o.tax_included then o.tax_minor else 0 end is distinct from l.sum
                       or o.total_minor <> o.subtotal_minor + o.tax_minor + o.shipping_minor - o.discount_minor as wrong
              from orders o
              left join (select order_id, sum(unit_price_minor * quantity)::bigint as sum
                           from order_lines group by order_id) l on l.order_id = o.id
        )
        select count(*) as "checked!", count(*) filter (where wrong) as "broken!",
               coalesce((array_agg(format('order %s: its lines are %s, its subtotal %s', id, lines, subtotal_minor)
                                   order by id) filter (where wrong))[1:5], '{}') as "first!"
          from sums
        "#,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("add up orders"))
}

/// Orders whose history is not one chain of legal moves from its beginning to their status (ORD-1, ORD-2).
#[tracing::instrument(name = "db.audit.histories", skip_all)]
pub async fn histories(conn: &mut PgConnection) -> Result<Tally, OrderError> {
    let (from, to): (Vec<String>, Vec<String>) = Status::ALL
        .iter()
        .flat_map(|from| {
            from.next()
                .into_iter()
                .map(|to| (from.name().to_owned(), to.name().to_owned()))
        })
        .unzip();
    sqlx::query_as!(
        Tally,
        r#"
        with chain as (
            select order_id, from_status, to_status,
                   lag(to_status) over moves as before,
                   lead(to_status) over moves is null as is_last
              from order_history
            window moves as (partition by order_id order by id)
        ), judged as (
            select c.order_id,
                   bool_or(c.from_status is distinct from c.before
                           or case when c.from_status is null then c.to_status <> 'pending'
                                   else not exists (select from unnest($1::text[], $2::text[]) as m (source, target)
                                                     where m.source = c.from_status and m.target = c.to_status)
                              end) as wrong,
                   max(c.to_status) filter (where c.is_last) as ends_in
              from chain c
             group by c.order_id
        ), orders_judged as (
            select o.id, o.status, j.ends_in,
                   j.order_id is null or j.wrong or j.ends_in is distinct from o.status as wrong
              from orders o
              left join judged j on j.order_id = o.id
        )
        select count(*) as "checked!", count(*) filter (where wrong) as "broken!",
               coalesce((array_agg(format('order %s is %s, its history ends in %s or has a gap', id, status,
                                          coalesce(ends_in, 'nothing'))
                                   order by id) filter (where wrong))[1:5], '{}') as "first!"
          from orders_judged
        "#,
        &from,
        &to,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("read histories"))
}

/// Sagas, and which of them are stuck (SAG-8), or were due before `settled_before` and nobody has taken them up
/// (SAG-7).
#[tracing::instrument(name = "db.audit.sagas", skip_all)]
pub async fn sagas(conn: &mut PgConnection, settled_before: OffsetDateTime) -> Result<Tally, OrderError> {
    sqlx::query_as!(
        Tally,
        r#"
        with judged as (
            select id, name, subject_id, state, step,
                   state = 'stuck'
                       or state in ('running', 'parked') and wake_at < $1 and coalesce(lease_until < $1, true)
                       as wrong
              from saga
        )
        select count(*) as "checked!", count(*) filter (where wrong) as "broken!",
               coalesce((array_agg(format('the %s of order %s is %s at %s', name, subject_id,
                                          case state when 'stuck' then 'stuck' else 'due, and nobody works on it,' end,
                                          step)
                                   order by id) filter (where wrong))[1:5], '{}') as "first!"
          from judged
        "#,
        settled_before,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("look for stuck sagas"))
}

/// At most `limit` orders after `after`, in their order.
#[tracing::instrument(name = "db.audit.orders", skip_all)]
pub async fn orders(
    pool: &PgPool,
    after: i64,
    settled_before: OffsetDateTime,
    limit: i64,
) -> Result<Vec<OrderStands>, OrderError> {
    sqlx::query_as!(
        OrderStands,
        r#"
        select o.id, o.status, o.payment_status, o.total_minor, o.currency,
               o.updated_at < $2
                   and not exists (select from saga s
                                    where s.name in ('checkout', 'cancellation') and s.subject_id = o.id
                                      and (s.state = 'running' or s.updated_at >= $2)) as "settled!"
          from orders o
         where o.id > $1
         order by o.id
         limit $3
        "#,
        after,
        settled_before,
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(fault("read how orders stand"))
}

/// How many sagas run or wait to be run; those that wait for money or a deadline do not count.
#[tracing::instrument(name = "db.audit.running", skip_all)]
pub async fn running(conn: &mut PgConnection) -> Result<i64, OrderError> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from saga where state = 'running'"#)
        .fetch_one(conn)
        .await
        .map_err(fault("count running sagas"))
}
