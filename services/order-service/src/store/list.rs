//! Lists of orders, newest first: by page or after an id.

use sqlx::PgConnection;
use types::{OrderId, UserId};
use wire::list::{COUNTED, Total};

use super::fault;
use super::orders::lines_of;
use super::row::{LineRow, OrderRow};
use crate::domain::{Order, Status};
use crate::error::OrderError;

/// Which orders.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Bought by.
    pub buyer: Option<UserId>,
    /// Holding a product of.
    pub seller: Option<UserId>,
    /// In this status.
    pub status: Option<Status>,
    /// Older than this order.
    pub before: Option<OrderId>,
}

/// At most `limit` orders after skipping `offset`, with their lines: two statements.
#[tracing::instrument(name = "db.orders.list", skip_all)]
pub async fn list(
    conn: &mut PgConnection,
    filter: Filter,
    limit: i64,
    offset: i64,
) -> Result<Vec<Order>, OrderError> {
    let rows = sqlx::query_as!(
        OrderRow,
        r#"
        select id, order_number, user_id, status, payment_status, dispute_status, fulfillment_status, version, currency,
               subtotal_minor, tax_minor, tax_included, shipping_minor, discount_minor, total_minor, shipping_address,
               shipping_city, shipping_state, shipping_zip, shipping_country, customer_notes, tracking_number,
               carrier, payment_intent_id, cancel_reason, expires_at, created_at, updated_at
          from orders o
         where ($1::bigint is null or user_id = $1)
           and ($2::bigint is null
                or exists (select from order_lines l where l.order_id = o.id and l.seller_id = $2))
           and ($3::text is null or status = $3)
           and ($4::bigint is null or id < $4)
         order by id desc
         limit $5 offset $6
        "#,
        filter.buyer.map(UserId::get),
        filter.seller.map(UserId::get),
        filter.status.map(Status::name),
        filter.before.map(OrderId::get),
        limit,
        offset,
    )
    .fetch_all(&mut *conn)
    .await
    .map_err(fault("list orders"))?;

    let ids: Vec<i64> = rows.iter().map(|r| r.id).collect();
    let mut lines = lines_of(conn, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let (own, others): (Vec<LineRow>, Vec<LineRow>) = std::mem::take(&mut lines)
                .into_iter()
                .partition(|l| l.order_id == row.id);
            lines = others;
            row.with(own)
        })
        .collect()
}

/// How many orders there are; all are counted only if that is wished for, which costs as much as there are (PAG-4).
#[tracing::instrument(name = "db.orders.count", skip_all)]
pub async fn count(conn: &mut PgConnection, filter: Filter, all: bool) -> Result<Total, OrderError> {
    let found = sqlx::query_scalar!(
        r#"
        select count(*) as "count!"
          from (select
                  from orders o
                 where ($1::bigint is null or user_id = $1)
                   and ($2::bigint is null
                        or exists (select from order_lines l where l.order_id = o.id and l.seller_id = $2))
                   and ($3::text is null or status = $3)
                 limit $4) counted
        "#,
        filter.buyer.map(UserId::get),
        filter.seller.map(UserId::get),
        filter.status.map(Status::name),
        (!all).then_some(COUNTED),
    )
    .fetch_one(conn)
    .await
    .map_err(fault("count orders"))?;
    Ok(if all {
        Total::Exact(found)
    } else {
        Total::up_to_counted(found)
    })
}
