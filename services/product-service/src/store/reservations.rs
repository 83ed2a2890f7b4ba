//! What an order holds, and the ends that can come to. Each function is one statement that does all or nothing, and
//! locks rows of `stock` in ascending order of the product before it writes anything.
//!
//! A statement sees what was committed when it began, however long it then waits for a lock. So each of these writes
//! only where a condition on the latest row holds, says what it wrote, and leaves it to the caller to look again
//! ([`find`]) when that is nothing. What it writes to `stock` it computes from the row that it locked, every column of
//! it: PostgreSQL checks a constraint first against the row as the statement's snapshot has it, and `reserved - 1`
//! of a row that was changed meanwhile would fail although the latest row allows it.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::OrderId;

use super::fault;
use crate::domain::{Reservation, State};
use crate::error::ProductError;

/// Sells what the order holds; returns the products, none if it is not held.
#[tracing::instrument(name = "db.reservations.commit", skip_all, fields(order.id = %order))]
pub async fn commit(
    conn: &mut PgConnection,
    order: OrderId,
    at: OffsetDateTime,
) -> Result<Vec<i64>, ProductError> {
    sqlx::query_scalar!(
        r#"
        with locked as (
            select s.product_id, s.on_hand, s.reserved, s.version, l.quantity
              from reservation_lines l
              join stock s on s.product_id = l.product_id
             where l.order_id = $1
             order by s.product_id
               for update of s
        ), taken as (
            update reservations
               set state = 'committed', updated_at = $2
             where order_id = $1 and state = 'held' and (select count(*) from locked) > 0
            returning order_id
        ), moved as (
            update stock s
               set on_hand = l.on_hand - l.quantity, reserved = l.reserved - l.quantity, version = l.version + 1
              from taken t, locked l
             where s.product_id = l.product_id
            returning s.product_id, l.quantity
        ), noted as (
            insert into stock_ledger (product_id, delta_on_hand, delta_reserved, reason, order_id, actor,
                                      request_id, at)
            select product_id, -quantity, -quantity, 'committed', $1, 'system', $3, $2 from moved
        )
        select product_id from moved
        "#,
        order.get(),
        at,
        request_id(),
    )
    .fetch_all(conn)
    .await
    .map_err(fault("commit stock"))
}

/// Sells what an expired hold had held, if all of it can be had again; returns the products, none if it cannot or
/// the reservation is not an expired one (STK-8).
#[tracing::instrument(name = "db.reservations.recommit", skip_all, fields(order.id = %order))]
pub async fn recommit(
    conn: &mut PgConnection,
    order: OrderId,
    at: OffsetDateTime,
) -> Result<Vec<i64>, ProductError> {
    let rows = sqlx::query!(
        r#"
        with locked as (
            select s.product_id, s.on_hand, s.reserved, s.version, l.quantity
              from reservation_lines l
              join stock s on s.product_id = l.product_id
             where l.order_id = $1
             order by s.product_id
               for update of s
        ), taken as (
            update reservations
               set state = 'committed', updated_at = $2
             where order_id = $1 and state = 'expired'
               and (select bool_and(on_hand - reserved >= quantity) from locked)
            returning order_id
        ), moved as (
            update stock s
               set on_hand = l.on_hand - l.quantity, reserved = l.reserved, version = l.version + 1
              from taken t, locked l
             where s.product_id = l.product_id
            returning s.product_id, l.quantity
        ), noted as (
            insert into stock_ledger (product_id, delta_on_hand, delta_reserved, reason, order_id, actor,
                                      request_id, at)
            select product_id, -quantity, 0, 'recommitted', $1, 'system', $3, $2 from moved
        )
        select product_id, exists (select from taken) as "taken!",
               1 / (not exists (select from taken)
                    or (select count(*) from moved) = (select count(*) from locked))::int as proof
          from locked
        "#,
        order.get(),
        at,
        request_id(),
    )
    .fetch_all(conn)
    .await
    .map_err(fault("commit an expired hold"))?;
    Ok(rows
        .into_iter()
        .filter(|row| row.taken)
        .map(|row| row.product_id)
        .collect())
}

/// Gives back what the order holds; returns the products, none if it is not held. An expired hold has given back already,
/// and cannot be sold any more (STK-8).
#[tracing::instrument(name = "db.reservations.release", skip_all, fields(order.id = %order))]
pub async fn release(
    conn: &mut PgConnection,
    order: OrderId,
    reason: &str,
    at: OffsetDateTime,
) -> Result<Vec<i64>, ProductError> {
    sqlx::query_scalar!(
        r#"
        with locked as (
            select s.product_id, s.on_hand, s.reserved, s.version, l.quantity
              from reservation_lines l
              join stock s on s.product_id = l.product_id
             where l.order_id = $1
             order by s.product_id
               for update of s
        ), taken as (
            update reservations
               set state = 'released', reason = $4, updated_at = $2
             where order_id = $1 and state = 'held' and (select count(*) from locked) > 0
            returning order_id
        ), closed as (
            update reservations
               set state = 'released', reason = $4, updated_at = $2
             where order_id = $1 and state = 'expired'
        ), moved as (
            update stock s
               set on_hand = l.on_hand, reserved = l.reserved - l.quantity, version = l.version + 1
              from taken t, locked l
             where s.product_id = l.product_id
            returning s.product_id, l.quantity
        ), noted as (
            insert into stock_ledger (product_id, delta_on_hand, delta_reserved, reason, note, order_id, actor,
                                      request_id, at)
            select product_id, 0, -quantity, 'released', $4, $1, 'system', $3, $2 from moved
        )
        select product_id from moved
        "#,
        order.get(),
        at,
        request_id(),
        reason,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("release stock"))
}

/// Refuses a hold that may still come. False if the order has a reservation or a tombstone.
#[tracing::instrument(name = "db.reservations.entomb", skip_all, fields(order.id = %order))]
pub async fn entomb(
    conn: &mut PgConnection,
    order: OrderId,
    reason: &str,
    at: OffsetDateTime,
) -> Result<bool, ProductError> {
    let written = sqlx::query!(
        r#"
        insert into reservations (order_id, state, reason, created_at, updated_at)
        values ($1, 'tombstone', $2, $3, $3)
            on conflict on constraint reservations_pkey do nothing
        "#,
        order.get(),
        reason,
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("refuse a late hold"))?;
    Ok(written.rows_affected() == 1)
}

/// Puts back what the order bought, each line once; returns the products (STK-11).
#[tracing::instrument(name = "db.reservations.restock", skip_all, fields(order.id = %order))]
pub async fn restock(
    conn: &mut PgConnection,
    order: OrderId,
    reason: &str,
    at: OffsetDateTime,
) -> Result<Vec<i64>, ProductError> {
    sqlx::query_scalar!(
        r#"
        with locked as (
            select s.product_id, s.on_hand, s.reserved, s.version
              from reservations r
              join reservation_lines l on l.order_id = r.order_id
              join stock s on s.product_id = l.product_id
             where r.order_id = $1 and r.state = 'committed'
             order by s.product_id
               for update of s
        ), marked as (
            update reservation_lines l
               set restocked = l.quantity
              from locked k
             where l.order_id = $1 and l.product_id = k.product_id and l.restocked = 0
               and (select count(*) from locked) > 0
            returning l.product_id, l.quantity
        ), moved as (
            update stock s
               set on_hand = k.on_hand + m.quantity, reserved = k.reserved, version = k.version + 1
              from marked m
              join locked k on k.product_id = m.product_id
             where s.product_id = m.product_id
            returning s.product_id, m.quantity
        ), noted as (
            insert into stock_ledger (product_id, delta_on_hand, delta_reserved, reason, note, order_id, actor,
                                      request_id, at)
            select product_id, quantity, 0, 'restocked', $4, $1, 'system', $3, $2 from moved
        )
        select product_id from moved
        "#,
        order.get(),
        at,
        request_id(),
        reason,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("restock"))
}

/// The order's reservation or tombstone.
pub async fn find(conn: &mut PgConnection, order: OrderId) -> Result<Option<Reservation>, ProductError> {
    Ok(find_all(conn, &[order.get()]).await?.pop())
}

/// The reservations and tombstones of those of `orders` that have one.
#[tracing::instrument(name = "db.reservations.find", skip_all)]
pub async fn find_all(conn: &mut PgConnection, orders: &[i64]) -> Result<Vec<Reservation>, ProductError> {
    let rows = sqlx::query!(
        "select order_id, state, lines_hash, expires_at from reservations where order_id = any($1)",
        orders,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("read reservations"))?;
    let corrupt = || ProductError::Corrupt("reservation");
    let read = rows.into_iter().map(|row| {
        Ok(Reservation {
            order: OrderId::new(row.order_id).map_err(|_| corrupt())?,
            state: State::named(&row.state).ok_or_else(corrupt)?,
            lines_hash: row.lines_hash,
            expires_at: row.expires_at,
        })
    });
    read.collect()
}

/// The products that the order holds or held.
pub async fn products_of(conn: &mut PgConnection, order: OrderId) -> Result<Vec<i64>, ProductError> {
    sqlx::query_scalar!(
        "select product_id from reservation_lines where order_id = $1",
        order.get()
    )
    .fetch_all(conn)
    .await
    .map_err(fault("read a reservation's lines"))
}

/// The request that the ledger names.
pub(crate) fn request_id() -> Option<String> {
    runtime::context::current().map(|c| c.request_id)
}
