//! New orders, written together.

use std::collections::HashMap;

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{Actor, OrderId, UserId};

use super::fault;
use crate::domain::NewOrder;
use crate::error::OrderError;

/// A new order, who places it, and by which request.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// The order.
    pub order: &'a NewOrder,
    /// Who places it.
    pub actor: Actor,
    /// By which request.
    pub request_id: Option<&'a str>,
}

/// Writes new orders with their lines and the first lines of their histories: one statement. The parts of each are added
/// up by the statement too, which writes nothing of an order if they are not its subtotal (ORD-4).
#[tracing::instrument(name = "db.orders.insert", skip_all, fields(orders = new.len()))]
pub async fn insert(conn: &mut PgConnection, new: &[New<'_>]) -> Result<Vec<OrderId>, OrderError> {
    let o = Orders::of(new);
    let l = Lines::of(new);
    let rows = sqlx::query!(
        r#"
        with given as (
            select *
              from unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                          $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
                          $14::timestamptz[], $15::timestamptz[], $16::text[], $17::bigint[], $18::text[],
                          $28::bigint[], $29::boolean[])
                   with ordinality
                   as given (number, user_id, currency, subtotal, tax, shipping, total, street, city, state, zip,
                             country, notes, expires_at, at, actor_type, actor_id, request_id, discount, tax_included,
                             turn)
        ), lines as (
            select *
              from unnest($19::bigint[], $20::smallint[], $21::bigint[], $22::bigint[], $23::text[], $24::text[],
                          $25::text[], $26::integer[], $27::bigint[])
                   as lines (turn, position, product_id, seller_id, name, sku, image_url, quantity, price)
        ), placed as (
            insert into orders (order_number, user_id, status, currency, subtotal_minor, tax_minor, shipping_minor,
                                total_minor, shipping_address, shipping_city, shipping_state, shipping_zip,
                                shipping_country, customer_notes, expires_at, created_at, updated_at,
                                discount_minor, tax_included)
            select number, user_id, 'pending', currency, subtotal, tax, shipping, total, street, city, state, zip,
                   country, notes, expires_at, at, at, discount, tax_included
              from given g
             where (select sum(quantity * price) from lines l where l.turn = g.turn)
                   = g.subtotal + case when g.tax_included then g.tax else 0 end
             order by g.turn
            returning id, order_number
        ), numbered as (
            select p.id, g.turn, g.actor_type, g.actor_id, g.request_id, g.at
              from placed p
              join given g on g.number = p.order_number
        ), written as (
            insert into order_lines (order_id, position, product_id, seller_id, name, sku, image_url, quantity,
                                     unit_price_minor, line_total_minor)
            select n.id, l.position, l.product_id, l.seller_id, l.name, l.sku, l.image_url, l.quantity, l.price,
                   l.quantity * l.price
              from numbered n
              join lines l on l.turn = n.turn
             order by l.turn, l.position
        ), noted as (
            insert into order_history (order_id, from_status, to_status, actor_type, actor_id, request_id, at)
            select id, null, 'pending', actor_type, actor_id, request_id, at from numbered order by turn
        )
        select turn as "turn!", id from numbered
        "#,
        &o.numbers,
        &o.users,
        &o.currencies,
        &o.subtotals,
        &o.taxes,
        &o.shippings,
        &o.totals,
        &o.streets,
        &o.cities as &[Option<String>],
        &o.states as &[Option<String>],
        &o.zips as &[Option<String>],
        &o.countries as &[Option<String>],
        &o.notes as &[Option<String>],
        &o.expiries,
        &o.times,
        &o.actors,
        &o.actor_ids as &[Option<i64>],
        &o.requests as &[Option<String>],
        &l.turns,
        &l.positions,
        &l.products,
        &l.sellers,
        &l.names,
        &l.skus,
        &l.images as &[Option<String>],
        &l.quantities,
        &l.prices,
        &o.discounts,
        &o.tax_included,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("write orders"))?;
    let ids: HashMap<i64, i64> = rows.into_iter().map(|row| (row.turn, row.id)).collect();
    (1..)
        .zip(new)
        .map(|(turn, _)| {
            let id = ids
                .get(&turn)
                .ok_or(OrderError::Corrupt("lines that do not add up"))?;
            OrderId::new(*id).map_err(|_| OrderError::Corrupt("id"))
        })
        .collect()
}

/// What `unnest` takes: orders.
#[derive(Default)]
struct Orders {
    numbers: Vec<String>,
    users: Vec<i64>,
    currencies: Vec<String>,
    subtotals: Vec<i64>,
    taxes: Vec<i64>,
    shippings: Vec<i64>,
    totals: Vec<i64>,
    streets: Vec<String>,
    cities: Vec<Option<String>>,
    states: Vec<Option<String>>,
    zips: Vec<Option<String>>,
    countries: Vec<Option<String>>,
    notes: Vec<Option<String>>,
    expiries: Vec<OffsetDateTime>,
    times: Vec<OffsetDateTime>,
    actors: Vec<String>,
    actor_ids: Vec<Option<i64>>,
    requests: Vec<Option<String>>,
    discounts: Vec<i64>,
    tax_included: Vec<bool>,
}

impl Orders {
    fn of(new: &[New<'_>]) -> Self {
        let mut rows = Self::default();
        for New {
            order,
            actor,
            request_id,
        } in new
        {
            rows.numbers.push(order.number.clone());
            rows.users.push(order.user_id.get());
            rows.currencies
                .push(order.totals.total.currency().code().to_owned());
            rows.subtotals.push(order.totals.subtotal.minor());
            rows.taxes.push(order.totals.tax.minor());
            rows.shippings.push(order.totals.shipping.minor());
            rows.totals.push(order.totals.total.minor());
            rows.streets.push(order.address.street.clone());
            rows.cities.push(order.address.city.clone());
            rows.states.push(order.address.state.clone());
            rows.zips.push(order.address.zip.clone());
            rows.countries.push(order.address.country.clone());
            rows.notes.push(order.notes.clone());
            rows.expiries.push(order.expires_at);
            rows.times.push(order.at);
            rows.actors.push(actor.kind().to_owned());
            rows.actor_ids.push(actor.user().map(UserId::get));
            rows.requests.push(request_id.map(str::to_owned));
            rows.discounts.push(order.totals.discount.minor());
            rows.tax_included.push(order.totals.tax_included);
        }
        rows
    }
}

/// What `unnest` takes: lines, each with the place of its order, from 1.
#[derive(Default)]
struct Lines {
    turns: Vec<i64>,
    positions: Vec<i16>,
    products: Vec<i64>,
    sellers: Vec<i64>,
    names: Vec<String>,
    skus: Vec<String>,
    images: Vec<Option<String>>,
    quantities: Vec<i32>,
    prices: Vec<i64>,
}

impl Lines {
    fn of(new: &[New<'_>]) -> Self {
        let mut rows = Self::default();
        let lines = (1..).zip(new).flat_map(|(turn, new)| {
            (1..)
                .zip(&new.order.lines)
                .map(move |(position, line)| (turn, position, line))
        });
        for (turn, position, line) in lines {
            rows.turns.push(turn);
            rows.positions.push(position);
            rows.products.push(line.product_id.get());
            rows.sellers.push(line.seller_id.get());
            rows.names.push(line.name.clone());
            rows.skus.push(line.sku.clone());
            rows.images.push(line.image_url.clone());
            rows.quantities
                .push(i32::try_from(line.quantity.get()).unwrap_or(i32::MAX));
            rows.prices.push(line.unit_price.minor());
        }
        rows
    }
}

/// How many unpaid orders each of these accounts has; counts to `most` at most. Until the transaction ends nobody else
/// counts them: what is written now is seen by the next one.
#[tracing::instrument(name = "db.orders.count_open", skip_all)]
pub async fn count_open(
    conn: &mut PgConnection,
    users: &[i64],
    most: u32,
) -> Result<HashMap<i64, i64>, OrderError> {
    // In one order, so that two batches do not wait for each other.
    sqlx::query!(
        r#"
        select pg_advisory_xact_lock(hashtextextended('open orders', user_id)) is null as locked
          from (select user_id from unnest($1::bigint[]) as given (user_id) order by user_id) given
        "#,
        users
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(fault("queue up to order"))?;
    let rows = sqlx::query!(
        r#"
        select user_id as "user_id!",
               (select count(*)
                  from (select from orders o
                         where o.user_id = given.user_id and o.status in ('pending', 'confirmed')
                         limit $2) open) as "open!"
          from unnest($1::bigint[]) as given (user_id)
        "#,
        users,
        i64::from(most),
    )
    .fetch_all(conn)
    .await
    .map_err(fault("count unpaid orders"))?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.open)).collect())
}
