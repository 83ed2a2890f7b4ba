//! Orders and their lines.

use std::collections::{HashMap, HashSet};

use runtime::context::Context;
use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{Actor, OrderId, UserId};

use super::fault;
use super::row::{LineRow, OrderRow};
use crate::domain::{Order, Refusal, Status};
use crate::error::OrderError;

/// Those of these orders that there are, with their lines.
#[tracing::instrument(name = "db.orders.find", skip_all, fields(orders = ids.len()))]
pub async fn find_all(
    conn: &mut PgConnection,
    ids: &[OrderId],
) -> Result<HashMap<OrderId, Order>, OrderError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let rows = sqlx::query_as!(
        OrderRow,
        r#"
        select id, order_number, user_id, status, payment_status, dispute_status, fulfillment_status, version, currency,
               subtotal_minor, tax_minor, tax_included, shipping_minor, discount_minor, total_minor, shipping_address,
               shipping_city, shipping_state, shipping_zip, shipping_country, customer_notes, tracking_number,
               carrier, payment_intent_id, cancel_reason, expires_at, created_at, updated_at
          from orders
         where id = any($1)
        "#,
        &ids,
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(fault("read orders"))?;
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let mut lines: HashMap<i64, Vec<LineRow>> = HashMap::new();
    for line in lines_of(conn, &ids).await? {
        lines.entry(line.order_id).or_default().push(line);
    }
    rows.into_iter()
        .map(|row| {
            let lines = lines.remove(&row.id).unwrap_or_default();
            let order = row.with(lines)?;
            Ok((order.id, order))
        })
        .collect()
}

/// The order with its lines, if there is one.
pub async fn find(conn: &mut PgConnection, id: OrderId) -> Result<Option<Order>, OrderError> {
    Ok(find_all(conn, &[id]).await?.remove(&id))
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

/// Locks these orders' rows until the transaction ends, in one order; where each stands.
#[tracing::instrument(name = "db.orders.lock_all", skip_all, fields(orders = ids.len()))]
pub async fn lock_all(conn: &mut PgConnection, ids: &[OrderId]) -> Result<HashMap<i64, Status>, OrderError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let rows = sqlx::query!(
        "select id, status from orders where id = any($1) order by id for update",
        &ids,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("lock orders"))?;
    rows.into_iter()
        .map(|row| {
            let status = row.status.parse().map_err(|_| OrderError::Corrupt("status"))?;
            Ok((row.id, status))
        })
        .collect()
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
#[derive(Clone, Debug)]
pub struct Move {
    /// Which order.
    pub id: OrderId,
    /// Where it must be for the move to happen.
    pub from: Status,
    /// Where it goes.
    pub to: Status,
    /// Who moves it.
    pub actor: Actor,
    /// Why, for the history; for a cancelled order also its reason.
    pub note: Option<String>,
    /// The intent by which it is paid, where that is learnt with the move.
    pub intent: Option<String>,
    /// The customer is told by the answer to the request that led to it, and needs no mail.
    pub answered: bool,
    /// On which request, and in whose trace.
    pub context: Option<Context>,
}

/// Moves the orders, no two of them the same, and writes their histories: each that is still where its move starts, by
/// one compare-and-set (ORD-2). Which have moved; the others are elsewhere by now.
#[tracing::instrument(name = "db.orders.move", skip_all, fields(orders = moves.len()))]
pub async fn advance(
    conn: &mut PgConnection,
    moves: &[Move],
    at: OffsetDateTime,
) -> Result<HashSet<i64>, OrderError> {
    let mut moves: Vec<&Move> = moves.iter().collect();
    moves.sort_by_key(|m| m.id);
    let each = |name: fn(&Move) -> &'static str| moves.iter().map(|m| name(m).to_owned()).collect::<Vec<_>>();
    let ids: Vec<i64> = moves.iter().map(|m| m.id.get()).collect();
    let actors: Vec<Option<i64>> = moves.iter().map(|m| m.actor.user().map(UserId::get)).collect();
    let notes: Vec<Option<String>> = moves.iter().map(|m| m.note.clone()).collect();
    let requests: Vec<Option<String>> = moves
        .iter()
        .map(|m| m.context.as_ref().map(|c| c.request_id.clone()))
        .collect();
    let intents: Vec<Option<String>> = moves.iter().map(|m| m.intent.clone()).collect();
    let moved = sqlx::query_scalar!(
        r#"
        with given as (
            select *
              from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[],
                          $8::text[])
                   as given (id, from_status, to_status, actor_type, actor_id, note, request_id, intent)
        ), moved as (
            update orders o
               set status = g.to_status, version = o.version + 1, updated_at = $9,
                   cancel_reason = case when g.to_status = 'cancelled' then g.note else o.cancel_reason end,
                   payment_intent_id = coalesce(g.intent, o.payment_intent_id)
              from given g
             where o.id = g.id and o.status = g.from_status
            returning o.id
        ), noted as (
            insert into order_history (order_id, from_status, to_status, actor_type, actor_id, note, request_id, at)
            select g.id, g.from_status, g.to_status, g.actor_type, g.actor_id, g.note, g.request_id, $9
              from given g
              join moved on moved.id = g.id
        )
        select id from moved
        "#,
        &ids,
        &each(|m| m.from.name()),
        &each(|m| m.to.name()),
        &each(|m| m.actor.kind()),
        &actors as &[Option<i64>],
        &notes as &[Option<String>],
        &requests as &[Option<String>],
        &intents as &[Option<String>],
        at,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("move orders"))?;
    Ok(moved.into_iter().collect())
}
