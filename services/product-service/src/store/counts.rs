//! What the shelves hold for orders: counted once a minute.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::fault;
use crate::error::ProductError;

/// Open holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// How many.
    pub holds: i64,
    /// Of them, those that should have been given back by now.
    pub overdue: i64,
    /// Units on hold.
    pub units: i64,
}

/// What is on hold in one currency, at the prices of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The currency.
    pub currency: String,
    /// Minor units of it.
    pub minor: i64,
}

/// Counts open holds, and those whose time was over before `before`.
#[tracing::instrument(name = "db.counts.open", skip_all)]
pub async fn open(conn: &mut PgConnection, before: OffsetDateTime) -> Result<Open, ProductError> {
    sqlx::query_as!(
        Open,
        r#"
        select (select count(*) from reservations where state = 'held') as "holds!",
               (select count(*) from reservations where state = 'held' and expires_at < $1 and pinned_at is null) as "overdue!",
               (select coalesce(sum(reserved), 0)::bigint from stock where reserved > 0) as "units!"
        "#,
        before,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("count open holds"))
}

/// What the units on hold cost: one row a product, however many hold it.
#[tracing::instrument(name = "db.counts.value", skip_all)]
pub async fn value(conn: &mut PgConnection) -> Result<Vec<Value>, ProductError> {
    sqlx::query_as!(
        Value,
        r#"
        select p.currency, sum(s.reserved * p.price_minor)::bigint as "minor!"
          from stock s
          join products p on p.id = s.product_id
         where s.reserved > 0
         group by p.currency
        "#,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("add up open holds"))
}
