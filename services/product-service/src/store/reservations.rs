//! Taking holds and ending them. Each function is one statement that does all or nothing, and locks rows of `stock`
//! in ascending order of the product before it writes anything.
//!
//! A statement sees what was committed when it began, however long it then waits for a lock. So each of these writes
//! only where a condition on the latest row holds, says what it wrote, and leaves it to the caller to look again
//! ([`find`]) when that is nothing.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{OrderId, UserId};

use super::fault;
use crate::domain::{HoldLines, Reservation, State};
use crate::error::ProductError;

/// A hold that is wished for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The order that holds.
    pub order: OrderId,
    /// Whose order.
    pub user: UserId,
    /// What.
    pub lines: HoldLines,
    /// Until when.
    pub expires_at: OffsetDateTime,
    /// When it is taken.
    pub at: OffsetDateTime,
}

/// How one product of a hold stood, under lock.
#[derive(Clone, Debug)]
pub struct Found {
    /// The product.
    pub product_id: i64,
    /// Its SKU; none if there is no such product.
    pub sku: Option<String>,
    /// How many are wanted.
    pub wanted: i64,
    /// How many there were.
    pub available: i64,
    /// Whether it can be ordered.
    pub for_sale: bool,
}

/// Holds all lines or none. `Ok(None)` if they are held now; else what was found, and nothing is written. If that
/// lacks nothing, the order has a reservation or a tombstone already.
#[tracing::instrument(name = "db.reservations.hold", skip_all, fields(order.id = %wish.order))]
pub async fn hold(conn: &mut PgConnection, wish: &Wish) -> Result<Option<Vec<Found>>, ProductError> {
    let rows = sqlx::query!(
        r#"
        with wanted as (
            select * from unnest($1::bigint[], $2::bigint[]) as w (product_id, quantity)
        ), locked as (
            select s.product_id, w.quantity, s.on_hand - s.reserved as available, p.sku,
                   p.active and p.deleted_at is null as for_sale
              from wanted w
              join stock s on s.product_id = w.product_id
              join products p on p.id = s.product_id
             order by s.product_id
               for update of s
        ), verdict as (
            select count(*) = cardinality($1::bigint[]) and bool_and(for_sale and available >= quantity) as good
              from locked
        ), placed as (
            insert into reservations (order_id, user_id, state, lines_hash, expires_at, created_at, updated_at)
            select $3, $4, 'held', $5, $6, $7, $7 from verdict where good
                on conflict on constraint reservations_pkey do nothing
            returning order_id
        ), lines as (
            insert into reservation_lines (order_id, product_id, quantity)
            select h.order_id, l.product_id, l.quantity from placed h, locked l
        ), moved as (
            update stock s
               set reserved = s.reserved + l.quantity, version = s.version + 1
              from placed h, locked l
             -- Enough there is, by the locked rows. Asked here again it would be asked of the statement's
             -- snapshot, which may be older than a release that the lock waited for.
             where s.product_id = l.product_id
            returning s.product_id, l.quantity
        ), noted as (
            insert into stock_ledger (product_id, delta_on_hand, delta_reserved, reason, order_id, actor,
                                      request_id, at)
            select product_id, 0, quantity, 'held', $3, 'system', $8, $7 from moved
        )
        select w.product_id as "product_id!", w.quantity as "wanted!", l.sku as "sku?",
               coalesce(l.available, 0) as "available!", coalesce(l.for_sale, false) as "for_sale!",
               exists (select from placed) as "held!",
               -- Every line was moved, or the statement fails and takes all of it back.
               1 / (not exists (select from placed)
                    or (select count(*) from moved) = cardinality($1::bigint[]))::int as proof
          from wanted w
          left join locked l on l.product_id = w.product_id
         order by w.product_id
        "#,
        &wish.lines.products(),
        &wish.lines.quantities(),
        wish.order.get(),
        wish.user.get(),
        wish.lines.hash(),
        wish.expires_at,
        wish.at,
        request_id(),
    )
    .fetch_all(conn)
    .await
    .map_err(fault("hold stock"))?;

    if rows.iter().all(|row| row.held) {
        return Ok(None);
    }
    let found = rows.into_iter().map(|row| Found {
        product_id: row.product_id,
        sku: row.sku,
        wanted: row.wanted,
        available: row.available,
        for_sale: row.for_sale,
    });
    Ok(Some(found.collect()))
}

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
            select s.product_id, l.quantity
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
               set on_hand = s.on_hand - l.quantity, reserved = s.reserved - l.quantity, version = s.version + 1
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
            select s.product_id, l.quantity, s.on_hand - s.reserved as available
              from reservation_lines l
              join stock s on s.product_id = l.product_id
             where l.order_id = $1
             order by s.product_id
               for update of s
        ), taken as (
            update reservations
               set state = 'committed', updated_at = $2
             where order_id = $1 and state = 'expired'
               and (select bool_and(available >= quantity) from locked)
            returning order_id
        ), moved as (
            update stock s
               set on_hand = s.on_hand - l.quantity, version = s.version + 1
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

/// Gives back what the order holds; returns the products, none if it is not held.
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
            select s.product_id, l.quantity
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
        ), moved as (
            update stock s
               set reserved = s.reserved - l.quantity, version = s.version + 1
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
            select s.product_id
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
               set on_hand = s.on_hand + m.quantity, version = s.version + 1
              from marked m
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
#[tracing::instrument(name = "db.reservations.find", skip_all, fields(order.id = %order))]
pub async fn find(conn: &mut PgConnection, order: OrderId) -> Result<Option<Reservation>, ProductError> {
    let row = sqlx::query!(
        "select state, lines_hash, expires_at from reservations where order_id = $1",
        order.get(),
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("read a reservation"))?;
    row.map(|row| {
        Ok(Reservation {
            order,
            state: State::named(&row.state).ok_or(ProductError::Corrupt("reservation"))?,
            lines_hash: row.lines_hash,
            expires_at: row.expires_at,
        })
    })
    .transpose()
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
