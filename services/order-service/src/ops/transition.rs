//! Moving orders: the compare-and-set, its history, its event and its mail, in the caller's transaction.

use bus::{News, publish_all};
use runtime::context;
use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{Actor, OrderId};
use wire::events::{OrderCancelled, OrderConfirmed, OrderMoved, OrderPaid, OrderRefunded};

use crate::domain::Status;
use crate::error::OrderError;
use crate::events::ORDERS;
use crate::ops::notify;
use crate::store::fault;
use crate::store::orders::{self, Move};

/// Moves `id` from `from` to `to` and tells the world. False if the order is elsewhere by now.
pub async fn advance(
    conn: &mut PgConnection,
    id: OrderId,
    (from, to): (Status, Status),
    actor: Actor,
    note: Option<&str>,
    at: OffsetDateTime,
) -> Result<bool, OrderError> {
    let change = Move {
        id,
        from,
        to,
        actor,
        note: note.map(str::to_owned),
        intent: None,
        answered: false,
        context: context::current(),
    };
    let moved = advance_all(conn, std::slice::from_ref(&change), at).await?;
    Ok(moved == [true])
}

/// [`advance`] for many orders, no two of them the same, by as many statements as for one. Which have moved, in the
/// order of `moves`.
pub async fn advance_all(
    conn: &mut PgConnection,
    moves: &[Move],
    at: OffsetDateTime,
) -> Result<Vec<bool>, OrderError> {
    let moved = orders::advance(conn, moves, at).await?;
    let done: Vec<&Move> = moves.iter().filter(|m| moved.contains(&m.id.get())).collect();
    if !done.is_empty() {
        let news: Vec<News> = done.iter().map(|m| news(m)).collect();
        publish_all(conn, &ORDERS, &news, at)
            .await
            .map_err(fault("publish the orders' moves"))?;
        notify::customers(conn, &done, at).await?;
    }
    for change in &done {
        metrics::counter!("orders_moved_total", "service" => crate::NAME, "to" => change.to.name())
            .increment(1);
    }
    Ok(moves.iter().map(|m| moved.contains(&m.id.get())).collect())
}

fn news(change: &Move) -> News {
    let (order_id, actor) = (change.id, change.actor);
    let id = order_id.get();
    let news = match change.to {
        Status::Confirmed => News::new(id, &OrderConfirmed { order_id }, actor),
        Status::Paid => News::new(id, &OrderPaid { order_id }, actor),
        Status::Refunded => News::new(id, &OrderRefunded { order_id }, actor),
        Status::Cancelled => {
            let reason = change.note.clone().unwrap_or_else(|| "cancelled".to_owned());
            News::new(id, &OrderCancelled { order_id, reason }, actor)
        }
        Status::Pending | Status::Processing | Status::Shipped | Status::Delivered => {
            let status = change.to.name().to_owned();
            News::new(id, &OrderMoved { order_id, status }, actor)
        }
    };
    news.on(change.context.clone())
}
