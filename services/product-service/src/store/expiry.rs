//! When holds are over, and what becomes of them then.

use std::time::Duration;

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::OrderId;

use super::fault;
use super::reservations::request_id;
use crate::error::ProductError;

/// What keeps the sweepers of several processes from doing the same work twice: one at a time holds this lock.
const SWEEPER: i64 = 0x736f_756b_0002;

/// Moves the end of the order's hold to `until`, though not beyond `longest` after it was taken, and never to an earlier
/// moment; returns the end. None if it holds nothing now. One row is written and no stock: a sweeper that has chosen
/// this hold looks at its end once more when it frees it.
#[tracing::instrument(name = "db.expiry.extend", skip_all, fields(order.id = %order))]
pub async fn extend(
    conn: &mut PgConnection,
    order: OrderId,
    until: OffsetDateTime,
    longest: Duration,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, ProductError> {
    sqlx::query_scalar!(
        r#"
        update reservations
           set expires_at = greatest(expires_at, least($2, created_at + make_interval(secs => $3))), updated_at = $4
         where order_id = $1 and state = 'held' and expires_at > $4
        returning expires_at as "expires_at!"
        "#,
        order.get(),
        until,
        longest.as_secs_f64(),
        now,
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("extend a hold"))
}

/// The orders whose holds are over, the oldest first; at most `limit`.
#[tracing::instrument(name = "db.expiry.due", skip_all)]
pub async fn due(conn: &mut PgConnection, now: OffsetDateTime, limit: i64) -> Result<Vec<i64>, ProductError> {
    sqlx::query_scalar!(
        r#"
        select order_id
          from reservations
         where state = 'held' and expires_at <= $1 and pinned_at is null
         order by expires_at
         limit $2
        "#,
        now,
        limit,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("look for expired holds"))
}

/// The orders whose holds of one of `products` are over, save `except`; at most `limit`.
#[tracing::instrument(name = "db.expiry.due_of", skip_all)]
pub async fn due_of(
    conn: &mut PgConnection,
    products: &[i64],
    except: Option<OrderId>,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Vec<i64>, ProductError> {
    sqlx::query_scalar!(
        r#"
        select r.order_id
          from reservations r
         where r.state = 'held' and r.expires_at <= $2 and r.pinned_at is null and r.order_id is distinct from $3
           and exists (select from reservation_lines l where l.order_id = r.order_id and l.product_id = any($1))
         order by r.expires_at
         limit $4
        "#,
        products,
        now,
        except.map(OrderId::get),
        limit,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("look for expired holds"))
}

/// Gives back what those of `orders` hold whose time is over; returns the products. Locks their rows and those of
/// `also`, which the caller is about to want.
#[tracing::instrument(name = "db.expiry.free", skip_all)]
pub async fn free(
    conn: &mut PgConnection,
    orders: &[i64],
    also: &[i64],
    now: OffsetDateTime,
) -> Result<Vec<i64>, ProductError> {
    sqlx::query_scalar!(
        r#"
        with locked as (
            select s.product_id, s.on_hand, s.reserved, s.version
              from stock s
             where s.product_id in (select unnest($2::bigint[])
                                    union
                                    select l.product_id from reservation_lines l where l.order_id = any($1))
             order by s.product_id
               for update
        ), freed as (
            update reservations
               set state = 'expired', updated_at = $3
             where order_id = any($1) and state = 'held' and expires_at <= $3 and pinned_at is null
               and (select count(*) from locked) > 0
            returning order_id
        ), lines as (
            select l.order_id, l.product_id, l.quantity
              from reservation_lines l
              join freed f on f.order_id = l.order_id
        ), moved as (
            update stock s
               set on_hand = k.on_hand, reserved = k.reserved - l.quantity, version = k.version + 1
              from (select product_id, sum(quantity)::bigint as quantity from lines group by product_id) l
              join locked k on k.product_id = l.product_id
             where s.product_id = l.product_id
            returning s.product_id
        ), noted as (
            insert into stock_ledger (product_id, delta_on_hand, delta_reserved, reason, order_id, actor,
                                      request_id, at)
            select product_id, 0, -quantity, 'expired', order_id, 'system', $4, $3 from lines
        )
        select product_id from moved
        "#,
        orders,
        also,
        now,
        request_id(),
    )
    .fetch_all(conn)
    .await
    .map_err(fault("free expired holds"))
}

/// Whether this transaction may sweep; false while another one does.
pub async fn may_sweep(conn: &mut PgConnection) -> Result<bool, ProductError> {
    sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock($1) as "free!""#, SWEEPER)
        .fetch_one(conn)
        .await
        .map_err(fault("become the sweeper"))
}
