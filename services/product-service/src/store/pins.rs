//! Holds that outlive their time, because an order's money is under way or a person has to decide about it (PAY-14).

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::OrderId;

use super::fault;
use super::reservations::request_id;
use crate::error::ProductError;

/// Pins what the order holds, or lets its time count again, and notes that and why in the ledger. False if there is
/// nothing to change: it is so already, or nothing is held. A hold whose time is over is pinned as long as nobody has
/// swept it.
#[tracing::instrument(name = "db.pins.set", skip_all, fields(order.id = %order, pinned))]
pub async fn set(
    conn: &mut PgConnection,
    order: OrderId,
    pinned: bool,
    reason: &str,
    at: OffsetDateTime,
) -> Result<bool, ProductError> {
    sqlx::query_scalar!(
        r#"
        with locked as (
            select s.product_id
              from reservation_lines l
              join stock s on s.product_id = l.product_id
             where l.order_id = $1
             order by s.product_id
               for update of s
        ), changed as (
            update reservations
               set pinned_at = case when $2 then $4::timestamptz end, updated_at = $4
             where order_id = $1 and state = 'held' and (pinned_at is not null) <> $2
               and (select count(*) from locked) > 0
            returning order_id
        ), noted as (
            insert into stock_ledger (product_id, delta_on_hand, delta_reserved, reason, note, order_id, actor,
                                      request_id, at)
            select k.product_id, 0, 0, case when $2 then 'pinned' else 'unpinned' end, $3, c.order_id, 'system',
                   $5, $4
              from changed c, locked k
        )
        select exists (select from changed) as "changed!"
        "#,
        order.get(),
        pinned,
        reason,
        at,
        request_id(),
    )
    .fetch_one(conn)
    .await
    .map_err(fault("pin a hold"))
}
