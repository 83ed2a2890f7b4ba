//! Taking holds: one statement for all that are wished for at the same time, each of which is held whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{OrderId, UserId};

use super::fault;
use crate::domain::{HoldLines, Ttl};
use crate::error::ProductError;

/// A hold that is wished for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The order that holds; no other wish of the same batch is for it.
    pub order: OrderId,
    /// Whose order.
    pub user: UserId,
    /// What.
    pub lines: HoldLines,
    /// For how long.
    pub ttl: Ttl,
    /// The request that the ledger names.
    pub request_id: Option<String>,
}

/// How one product of a wish stood, under lock and before anything of the batch was taken.
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

/// What became of a wish.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Its lines are held.
    Held,
    /// Nothing was written for it. If what was found lacks nothing, then either others of the batch came first, or the
    /// order has a reservation or a tombstone already.
    Not(Vec<Found>),
}

/// What a batch came to.
#[derive(Clone, Debug)]
pub struct Taken {
    /// What became of each wish, in their order.
    pub outcomes: Vec<Outcome>,
    /// The products of which something was taken, ascending.
    pub shelves: Vec<Shelf>,
}

/// How much of a product could be bought before a batch, and can be after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// The product.
    pub product_id: i64,
    /// Before.
    pub before: i64,
    /// After.
    pub after: i64,
}

/// Holds what can be held of `wishes`, the first come first.
///
/// Rows of `stock` are locked in ascending order before anything is written, and a wish is granted if what it and all
/// before it want of each of its products is there. That is strict: room that an earlier, refused wish left is not
/// used. Whoever was refused although nothing lacks asks again, and the first of a batch never has to.
#[tracing::instrument(name = "db.holds.hold", skip_all, fields(wishes = wishes.len()))]
pub async fn hold(
    conn: &mut PgConnection,
    wishes: &[&Wish],
    at: OffsetDateTime,
) -> Result<Taken, ProductError> {
    let orders: Vec<i64> = wishes.iter().map(|w| w.order.get()).collect();
    let users: Vec<i64> = wishes.iter().map(|w| w.user.get()).collect();
    let hashes: Vec<Vec<u8>> = wishes.iter().map(|w| w.lines.hash()).collect();
    let ends: Vec<OffsetDateTime> = wishes.iter().map(|w| at + w.ttl.get()).collect();
    let requests: Vec<String> = wishes
        .iter()
        .map(|w| w.request_id.clone().unwrap_or_default())
        .collect();
    let (mut turns, mut products, mut quantities) = (Vec::new(), Vec::new(), Vec::new());
    for (turn, wish) in (1_i64..).zip(wishes) {
        for (product, quantity) in wish.lines.products().into_iter().zip(wish.lines.quantities()) {
            turns.push(turn);
            products.push(product);
            quantities.push(quantity);
        }
    }
    let rows = sqlx::query!(
        r#"
        with holds as (
            select * from unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::timestamptz[], $5::text[])
                     with ordinality as h (order_id, user_id, lines_hash, expires_at, request_id, turn)
        ), wanted as (
            select * from unnest($6::bigint[], $7::bigint[], $8::bigint[]) as w (turn, product_id, quantity)
        ), locked as (
            select s.product_id, s.on_hand, s.reserved, s.version, p.sku,
                   p.active and p.deleted_at is null as for_sale
              from stock s
              join products p on p.id = s.product_id
             where s.product_id = any($7)
             order by s.product_id
               for update of s
        ), asked as (
            select w.turn, w.product_id, w.quantity, l.sku, coalesce(l.for_sale, false) as for_sale,
                   coalesce(l.on_hand - l.reserved, 0) as available,
                   sum(w.quantity) over (partition by w.product_id order by w.turn) as so_far
              from wanted w
              left join locked l on l.product_id = w.product_id
        ), granted as (
            select turn from asked group by turn having bool_and(for_sale and so_far <= available)
        ), placed as (
            insert into reservations (order_id, user_id, state, lines_hash, expires_at, created_at, updated_at)
            select h.order_id, h.user_id, 'held', h.lines_hash, h.expires_at, $9, $9
              from holds h
              join granted g on g.turn = h.turn
                on conflict on constraint reservations_pkey do nothing
            returning order_id
        ), lines as (
            insert into reservation_lines (order_id, product_id, quantity)
            select h.order_id, a.product_id, a.quantity
              from placed p
              join holds h on h.order_id = p.order_id
              join asked a on a.turn = h.turn
            returning order_id, product_id, quantity
        ), sums as (
            select product_id, sum(quantity)::bigint as quantity from lines group by product_id
        ), moved as (
            update stock s
               set on_hand = l.on_hand, reserved = l.reserved + m.quantity, version = l.version + 1
              from locked l
              join sums m on m.product_id = l.product_id
             where s.product_id = l.product_id
            returning s.product_id
        ), noted as (
            insert into stock_ledger (product_id, delta_on_hand, delta_reserved, reason, order_id, actor,
                                      request_id, at)
            select l.product_id, 0, l.quantity, 'held', l.order_id, 'system', nullif(h.request_id, ''), $9
              from lines l
              join holds h on h.order_id = l.order_id
        )
        select a.turn as "turn!", a.product_id as "product_id!", a.quantity as "wanted!", a.sku as "sku?",
               a.available as "available!", a.for_sale as "for_sale!",
               h.order_id in (select order_id from placed) as "held!",
               -- Every product was moved, or the statement fails and takes all of it back.
               1 / ((select count(*) from moved) = (select count(*) from sums))::int as proof
          from asked a
          join holds h on h.turn = a.turn
         order by a.turn, a.product_id
        "#,
        &orders,
        &users,
        &hashes,
        &ends,
        &requests,
        &turns,
        &products,
        &quantities,
        at,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("hold stock"))?;

    let held: BTreeSet<i64> = rows.iter().filter(|row| row.held).map(|row| row.turn).collect();
    let outcome = |turn| match held.contains(&turn) {
        true => Outcome::Held,
        false => Outcome::Not(Vec::new()),
    };
    let mut outcomes: Vec<Outcome> = (1_i64..).zip(wishes).map(|(turn, _)| outcome(turn)).collect();
    let mut shelves = BTreeMap::new();
    for row in rows {
        let turn = usize::try_from(row.turn - 1).unwrap_or(usize::MAX);
        match outcomes.get_mut(turn) {
            Some(Outcome::Not(found)) => found.push(Found {
                product_id: row.product_id,
                sku: row.sku,
                wanted: row.wanted,
                available: row.available,
                for_sale: row.for_sale,
            }),
            Some(Outcome::Held) => {
                let shelf = shelves.entry(row.product_id).or_insert(Shelf {
                    product_id: row.product_id,
                    before: row.available,
                    after: row.available,
                });
                shelf.after -= row.wanted;
            }
            None => {}
        }
    }
    Ok(Taken {
        outcomes,
        shelves: shelves.into_values().collect(),
    })
}
