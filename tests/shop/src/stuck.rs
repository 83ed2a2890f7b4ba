//! Sagas that are stuck, as a day without an answer leaves them.

use std::time::Duration;

use sqlx::PgPool;

use crate::shop::{Shop, eventually};

impl Shop {
    /// Leaves the checkout of this order, which waits for its money, stuck at `step`.
    ///
    /// # Panics
    /// It has no checkout that waits.
    pub async fn leave_stuck(&self, order: i64, step: &str) -> i64 {
        leave_stuck(&self.databases.order.pool, order, step).await
    }
}

/// Writes what the engine writes when a forward step's time is over after the point of no return; returns the saga.
///
/// # Panics
/// The order has no checkout that waits.
pub async fn leave_stuck(orders: &PgPool, order: i64, step: &str) -> i64 {
    let what = format!("the checkout of order {order} waits");
    eventually(Duration::from_secs(10), &what, || async {
        let stuck = sqlx::query_scalar::<_, i64>(
            "update saga set state = 'stuck', direction = 'forward', step = $2, failures = 2900, wake_at = updated_at,
                    reason = jsonb_build_object('kind', 'unresolved', 'step', $2, 'error', 'no answer within 3s')
              where name = 'checkout' and subject_id = $1
                and (state = 'parked' or (state = 'stuck' and step <> $2)) and lease_owner is null
             returning id",
        )
        .bind(order)
        .bind(step)
        .fetch_optional(orders)
        .await;
        stuck.expect("the orders' database answers")
    })
    .await
}
