//! What is on the shelf, changed by hand: through the ledger like all else.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{Actor, ProductId};

use super::fault;
use super::reservations::request_id;
use crate::error::ProductError;

/// Sets how many can be bought: what orders hold stays on the shelf besides (CAT-4).
#[tracing::instrument(name = "db.stock.set_available", skip_all, fields(product.id = %id))]
pub async fn set_available(
    conn: &mut PgConnection,
    id: ProductId,
    available: i64,
    actor: Actor,
    at: OffsetDateTime,
) -> Result<(), ProductError> {
    sqlx::query!(
        r#"
        with locked as (
            select product_id, on_hand, reserved, version from stock where product_id = $1 for update
        ), moved as (
            update stock s
               set on_hand = l.reserved + $2, reserved = l.reserved, version = l.version + 1
              from locked l
             where s.product_id = l.product_id and l.on_hand <> l.reserved + $2
            returning s.product_id, s.on_hand - l.on_hand as delta
        )
        insert into stock_ledger (product_id, delta_on_hand, delta_reserved, reason, actor, request_id, at)
        select product_id, delta, 0, 'adjusted', $3, $4, $5 from moved
        "#,
        id.get(),
        available,
        actor_text(actor),
        request_id(),
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("set a product's stock"))?;
    Ok(())
}

/// A correction of what is on the shelf.
#[derive(Clone, Copy, Debug)]
pub struct Adjustment<'a> {
    /// How many there are.
    pub on_hand: i64,
    /// How many there must have been.
    pub expected: i64,
    /// Why.
    pub reason: &'a str,
    /// Who counted.
    pub actor: Actor,
    /// When.
    pub at: OffsetDateTime,
}

/// What an adjustment found or left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// How many there are now.
    pub on_hand: i64,
    /// How many of them orders hold.
    pub reserved: i64,
    /// Whether the adjustment was made.
    pub made: bool,
}

/// Compares and sets what is on the shelf: made only if what is there is what was expected, and not below what orders
/// hold (STK-12).
#[tracing::instrument(name = "db.stock.adjust", skip_all, fields(product.id = %id))]
pub async fn adjust(
    conn: &mut PgConnection,
    id: ProductId,
    adjustment: Adjustment<'_>,
) -> Result<Shelf, ProductError> {
    sqlx::query_as!(
        Shelf,
        r#"
        with locked as (
            select product_id, on_hand, reserved, version from stock where product_id = $1 for update
        ), moved as (
            update stock s
               set on_hand = $2, reserved = l.reserved, version = l.version + 1
              from locked l
             where s.product_id = l.product_id and l.on_hand = $3 and l.reserved <= $2
            returning s.product_id, s.on_hand
        ), noted as (
            insert into stock_ledger (product_id, delta_on_hand, delta_reserved, reason, note, actor, request_id, at)
            select product_id, on_hand - $3, 0, 'adjusted', $4, $5, $6, $7 from moved
        )
        select coalesce(m.on_hand, l.on_hand) as "on_hand!", l.reserved as "reserved!",
               m.product_id is not null as "made!"
          from locked l
          left join moved m on m.product_id = l.product_id
        "#,
        id.get(),
        adjustment.on_hand,
        adjustment.expected,
        adjustment.reason,
        actor_text(adjustment.actor),
        request_id(),
        adjustment.at,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("adjust a product's stock"))
}

/// As the ledger names who did something.
pub(crate) fn actor_text(actor: Actor) -> String {
    match actor.user() {
        Some(user) => format!("{}:{user}", actor.kind()),
        None => actor.kind().to_owned(),
    }
}
