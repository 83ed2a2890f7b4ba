//! Orders and their lines.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{Actor, OrderId, UserId};

use super::fault;
use super::row::{LineRow, OrderRow};
use crate::domain::{NewOrder, Order, Refusal, Status};
use crate::error::OrderError;

/// Writes a new order with its lines and its first line of history: one statement. Its parts are added up by the
/// statement too, which writes nothing if they are not the subtotal (ORD-4).
#[tracing::instrument(name = "db.orders.insert", skip_all)]
pub async fn insert(conn: &mut PgConnection, order: &NewOrder, actor: Actor) -> Result<OrderId, OrderError> {
    let lines = &order.lines;
    let product_ids: Vec<i64> = lines.iter().map(|l| l.product_id.get()).collect();
    let seller_ids: Vec<i64> = lines.iter().map(|l| l.seller_id.get()).collect();
    let names: Vec<String> = lines.iter().map(|l| l.name.clone()).collect();
    let skus: Vec<String> = lines.iter().map(|l| l.sku.clone()).collect();
    let images: Vec<String> = lines
        .iter()
        .map(|l| l.image_url.clone().unwrap_or_default())
        .collect();
    let quantities: Vec<i32> = lines
        .iter()
        .map(|l| i32::try_from(l.quantity.get()).unwrap_or(i32::MAX))
        .collect();
    let prices: Vec<i64> = lines.iter().map(|l| l.unit_price.minor()).collect();
    let request_id = runtime::context::current().map(|c| c.request_id);
    let id = sqlx::query_scalar!(
        r#"
        with lines as (
            select * from unnest($15::bigint[], $16::bigint[], $17::text[], $18::text[], $19::text[],
                                 $20::integer[], $21::bigint[]) with ordinality
                as l (product_id, seller_id, name, sku, image_url, quantity, price, position)
        ), placed as (
            insert into orders (order_number, user_id, status, currency, subtotal_minor, tax_minor, shipping_minor,
                                total_minor, shipping_address, shipping_city, shipping_state, shipping_zip,
                                shipping_country, customer_notes, expires_at, created_at, updated_at)
            select $1, $2, 'pending', $3, $4::bigint, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $22, $22
             where (select sum(quantity * price) from lines) = $4::bigint
            returning id
        ), written as (
            insert into order_lines (order_id, position, product_id, seller_id, name, sku, image_url, quantity,
                                     unit_price_minor, line_total_minor)
            select placed.id, l.position, l.product_id, l.seller_id, l.name, l.sku, nullif(l.image_url, ''),
                   l.quantity, l.price, l.quantity * l.price
              from placed, lines l
             order by l.position
        ), noted as (
            insert into order_history (order_id, from_status, to_status, actor_type, actor_id, request_id, at)
            select id, null, 'pending', $23, $24, $25, $22 from placed
        )
        select id from placed
        "#,
        order.number,
        order.user_id.get(),
        order.totals.total.currency().code(),
        order.totals.subtotal.minor(),
        order.totals.tax.minor(),
        order.totals.shipping.minor(),
        order.totals.total.minor(),
        order.address.street,
        order.address.city,
        order.address.state,
        order.address.zip,
        order.address.country,
        order.notes,
        order.expires_at,
        &product_ids,
        &seller_ids,
        &names,
        &skus,
        &images,
        &quantities,
        &prices,
        order.at,
        actor.kind(),
        actor.user().map(UserId::get),
        request_id,
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("write the order"))?
    .ok_or(OrderError::Corrupt("lines that do not add up"))?;
    OrderId::new(id).map_err(|_| OrderError::Corrupt("id"))
}

/// How many unpaid orders the account has; counts to `most` at most. Until the transaction ends nobody else counts them:
/// what is written now is seen by the next one.
#[tracing::instrument(name = "db.orders.count_open", skip_all)]
pub async fn count_open(conn: &mut PgConnection, user: UserId, most: u32) -> Result<i64, OrderError> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('open orders', $1)) is null as locked",
        user.get()
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(fault("queue up to order"))?;
    sqlx::query_scalar!(
        r#"
        select count(*) as "count!"
          from (select from orders where user_id = $1 and status in ('pending', 'confirmed') limit $2) open
        "#,
        user.get(),
        i64::from(most),
    )
    .fetch_one(conn)
    .await
    .map_err(fault("count unpaid orders"))
}

/// The order with its lines, if there is one.
#[tracing::instrument(name = "db.orders.find", skip_all, fields(order.id = %id))]
pub async fn find(conn: &mut PgConnection, id: OrderId) -> Result<Option<Order>, OrderError> {
    let row = sqlx::query_as!(
        OrderRow,
        r#"
        select id, order_number, user_id, status, payment_status, fulfillment_status, version, currency,
               subtotal_minor, tax_minor, shipping_minor, discount_minor, total_minor, shipping_address,
               shipping_city, shipping_state, shipping_zip, shipping_country, customer_notes, tracking_number,
               carrier, payment_intent_id, cancel_reason, expires_at, created_at, updated_at
          from orders
         where id = $1
        "#,
        id.get(),
    )
    .fetch_optional(&mut *conn)
    .await
    .map_err(fault("read the order"))?;
    match row {
        None => Ok(None),
        Some(row) => {
            let lines = lines_of(conn, &[id.get()]).await?;
            row.with(lines).map(Some)
        }
    }
}

/// The order with its lines; [`Refusal::NotFound`] if there is none.
pub async fn get(conn: &mut PgConnection, id: OrderId) -> Result<Order, OrderError> {
    find(conn, id).await?.ok_or_else(|| Refusal::NotFound(id).into())
}

/// Locks the order's row until the transaction ends, then reads it.
#[tracing::instrument(name = "db.orders.lock", skip_all, fields(order.id = %id))]
pub async fn lock(conn: &mut PgConnection, id: OrderId) -> Result<Order, OrderError> {
    sqlx::query_scalar!("select id from orders where id = $1 for update", id.get())
        .fetch_optional(&mut *conn)
        .await
        .map_err(fault("lock the order"))?
        .ok_or(Refusal::NotFound(id))?;
    get(conn, id).await
}

/// The lines of these orders, in their order.
pub(crate) async fn lines_of(conn: &mut PgConnection, orders: &[i64]) -> Result<Vec<LineRow>, OrderError> {
    sqlx::query_as!(
        LineRow,
        r#"
        select id, order_id, product_id, seller_id, name, sku, image_url, quantity, unit_price_minor,
               line_total_minor, fulfillment
          from order_lines
         where order_id = any($1)
         order by order_id, position
        "#,
        orders,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("read the order's lines"))
}

/// A move of an order, as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Move<'a> {
    /// Which order.
    pub id: OrderId,
    /// Where it must be for the move to happen.
    pub from: Status,
    /// Where it goes.
    pub to: Status,
    /// Who moves it.
    pub actor: Actor,
    /// Why, for the history; for a cancelled order also its reason.
    pub note: Option<&'a str>,
    /// When.
    pub at: OffsetDateTime,
}

/// Moves the order and writes its history, if it is still where the move starts: one compare-and-set (ORD-2).
/// False if it is elsewhere by now.
#[tracing::instrument(name = "db.orders.move", skip_all, fields(order.id = %change.id, to = %change.to))]
pub async fn advance(conn: &mut PgConnection, change: Move<'_>) -> Result<bool, OrderError> {
    let request_id = runtime::context::current().map(|c| c.request_id);
    let moved = sqlx::query_scalar!(
        r#"
        with moved as (
            update orders
               set status = $3, version = version + 1, updated_at = $7,
                   cancel_reason = case when $3 = 'cancelled' then $6 else cancel_reason end
             where id = $1 and status = $2
            returning id
        ), noted as (
            insert into order_history (order_id, from_status, to_status, actor_type, actor_id, note, request_id, at)
            select id, $2, $3, $4, $5, $6, $8, $7 from moved
        )
        select count(*) as "count!" from moved
        "#,
        change.id.get(),
        change.from.name(),
        change.to.name(),
        change.actor.kind(),
        change.actor.user().map(UserId::get),
        change.note,
        change.at,
        request_id,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("move the order"))?;
    Ok(moved == 1)
}

/// Notes the intent by which the order is paid.
pub async fn set_intent(conn: &mut PgConnection, id: OrderId, intent: &str) -> Result<(), OrderError> {
    sqlx::query!(
        "update orders set payment_intent_id = $2 where id = $1",
        id.get(),
        intent
    )
    .execute(conn)
    .await
    .map_err(fault("note the payment intent"))?;
    Ok(())
}
