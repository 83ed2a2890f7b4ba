//! Moving an order: the compare-and-set, its history, its event and its mail, in the caller's transaction.

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
    if !orders::advance(
        conn,
        Move {
            id,
            from,
            to,
            actor,
            note,
            at,
        },
    )
    .await?
    {
        return Ok(false);
    }
    let order_id = id;
    let published = match to {
        Status::Confirmed => {
            bus::publish(conn, &ORDERS, id.get(), &OrderConfirmed { order_id }, actor, at).await
        }
        Status::Paid => bus::publish(conn, &ORDERS, id.get(), &OrderPaid { order_id }, actor, at).await,
        Status::Refunded => {
            bus::publish(conn, &ORDERS, id.get(), &OrderRefunded { order_id }, actor, at).await
        }
        Status::Cancelled => {
            let reason = note.unwrap_or("cancelled").to_owned();
            bus::publish(
                conn,
                &ORDERS,
                id.get(),
                &OrderCancelled { order_id, reason },
                actor,
                at,
            )
            .await
        }
        Status::Pending | Status::Processing | Status::Shipped | Status::Delivered => {
            let status = to.name().to_owned();
            bus::publish(
                conn,
                &ORDERS,
                id.get(),
                &OrderMoved { order_id, status },
                actor,
                at,
            )
            .await
        }
    };
    published.map_err(fault("publish the order's move"))?;
    notify::customer(conn, id, (from, to), at).await?;
    metrics::counter!("orders_moved_total", "service" => crate::NAME, "to" => to.name()).increment(1);
    Ok(true)
}
