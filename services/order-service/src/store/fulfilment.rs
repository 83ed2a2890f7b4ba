//! How far an order's lines are on their way.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{OrderId, UserId};

use super::fault;
use crate::error::OrderError;

/// Records tracking.
pub async fn set_tracking(
    conn: &mut PgConnection,
    id: OrderId,
    number: &str,
    carrier: &str,
    at: OffsetDateTime,
) -> Result<(), OrderError> {
    sqlx::query!(
        r#"
        update orders
           set tracking_number = $2, carrier = $3, version = version + 1, updated_at = $4
         where id = $1
        "#,
        id.get(),
        number,
        carrier,
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("record the tracking"))?;
    Ok(())
}

/// Marks lines as shipped or delivered: all of them, or only `seller`'s. True if now all lines are that far. Marking them
/// again makes no new version.
pub async fn mark(
    conn: &mut PgConnection,
    id: OrderId,
    fulfillment: &str,
    seller: Option<UserId>,
) -> Result<bool, OrderError> {
    let marked = sqlx::query!(
        r#"
        update order_lines
           set fulfillment = $2
         where order_id = $1 and ($3::bigint is null or seller_id = $3) and fulfillment not in ($2, 'delivered')
        "#,
        id.get(),
        fulfillment,
        seller.map(UserId::get),
    )
    .execute(&mut *conn)
    .await
    .map_err(fault("mark the lines"))?;
    let all = sqlx::query_scalar!(
        r#"
        update orders
           set fulfillment_status = case when f.all_shipped then 'fulfilled' else 'partial' end,
               version = version + $3
          from (select bool_and(fulfillment <> 'unfulfilled') as all_shipped,
                       bool_and(fulfillment = $2) as all_there
                  from order_lines where order_id = $1) f
         where id = $1
        returning f.all_there as "all_there!"
        "#,
        id.get(),
        fulfillment,
        i64::from(marked.rows_affected() > 0),
    )
    .fetch_one(conn)
    .await
    .map_err(fault("mark the order"))?;
    Ok(all)
}
