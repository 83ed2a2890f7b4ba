//! Where an order has been.

use std::collections::HashSet;

use sqlx::PgConnection;
use types::{OrderId, UserId};
use wire::orders::HistoryEntry;

use super::fault;
use crate::error::OrderError;

/// Every status of the order, oldest first.
#[tracing::instrument(name = "db.history.of", skip_all, fields(order.id = %id))]
pub async fn of(conn: &mut PgConnection, id: OrderId) -> Result<Vec<HistoryEntry>, OrderError> {
    let rows = sqlx::query!(
        r#"
        select from_status, to_status, actor_type, actor_id, note, at
          from order_history
         where order_id = $1
         order by id
        "#,
        id.get(),
    )
    .fetch_all(conn)
    .await
    .map_err(fault("read the order's history"))?;
    Ok(rows
        .into_iter()
        .map(|row| HistoryEntry {
            from_status: row.from_status,
            to_status: row.to_status,
            changed_by: row.actor_type,
            changed_by_id: row.actor_id.and_then(|id| UserId::new(id).ok()),
            note: row.note,
            created_at: types::rfc3339(row.at),
        })
        .collect())
}

/// Those of these orders that the shop itself cancelled before they were confirmed: their checkouts were undone.
#[tracing::instrument(name = "db.history.taken_back", skip_all, fields(orders = ids.len()))]
pub async fn taken_back(conn: &mut PgConnection, ids: &[i64]) -> Result<HashSet<i64>, OrderError> {
    let rows = sqlx::query_scalar!(
        r#"
        select order_id
          from order_history
         where order_id = any($1) and from_status = 'pending' and to_status = 'cancelled' and actor_type = 'system'
        "#,
        ids,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("read which orders were taken back"))?;
    Ok(rows.into_iter().collect())
}
