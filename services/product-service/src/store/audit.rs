//! The books: what is on the shelf against the ledger, what is reserved against the open holds.

use pg::audit::Tally;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use super::fault;
use crate::error::ProductError;

/// A stock row that disagrees with its books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The product.
    pub product_id: i64,
    /// What the row says is on hand.
    pub on_hand: i64,
    /// What the row says is reserved.
    pub reserved: i64,
    /// What the ledger's changes of `on_hand` add up to.
    pub ledger_on_hand: i64,
    /// What the ledger's changes of `reserved` add up to.
    pub ledger_reserved: i64,
    /// What open holds hold.
    pub held: i64,
}

/// What the stock says of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderStock {
    /// The order.
    pub order_id: i64,
    /// `held`, `committed`, `released`, `expired` or `tombstone`.
    pub state: String,
    /// All of it went back on the shelf after it had been committed.
    pub restocked: bool,
    /// Nothing of it changed lately.
    pub settled: bool,
}

/// Every row that disagrees; none is the only good answer (STK-1).
#[tracing::instrument(name = "db.audit", skip_all)]
pub async fn disagreements(conn: &mut PgConnection) -> Result<Vec<Disagreement>, ProductError> {
    sqlx::query_as!(
        Disagreement,
        r#"
        select product_id as "product_id!", on_hand as "on_hand!", reserved as "reserved!",
               ledger_on_hand as "ledger_on_hand!", ledger_reserved as "ledger_reserved!", held as "held!"
          from stock_audit()
        "#,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("audit the stock"))
}

/// How many stock rows there are, and which hold less than nothing or reserve more than there is.
#[tracing::instrument(name = "db.audit.negative", skip_all)]
pub async fn negative(conn: &mut PgConnection) -> Result<Tally, ProductError> {
    sqlx::query_as!(
        Tally,
        r#"
        with shelves as (
            select product_id, on_hand, reserved, not (0 <= reserved and reserved <= on_hand) as wrong from stock
        )
        select count(*) as "checked!", count(*) filter (where wrong) as "broken!",
               coalesce((array_agg(format('product %s has %s on hand and %s reserved', product_id, on_hand, reserved)
                                   order by product_id) filter (where wrong))[1:5], '{}') as "first!"
          from shelves
        "#,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("look for negative stock"))
}

/// Open holds, and which of them ended before `settled_before` and still hold although nobody pinned them (STK-7).
#[tracing::instrument(name = "db.audit.overdue", skip_all)]
pub async fn overdue(conn: &mut PgConnection, settled_before: OffsetDateTime) -> Result<Tally, ProductError> {
    sqlx::query_as!(
        Tally,
        r#"
        select count(*) as "checked!", count(*) filter (where expires_at < $1 and pinned_at is null) as "broken!",
               coalesce((array_agg(format('the hold of order %s ended at %s', order_id, expires_at)
                                   order by order_id)
                         filter (where expires_at < $1 and pinned_at is null))[1:5], '{}') as "first!"
          from reservations
         where state = 'held'
        "#,
        settled_before,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("look for overdue holds"))
}

/// What the stock says of the orders after `after` up to `upto`, in their order.
#[tracing::instrument(name = "db.audit.orders", skip_all)]
pub async fn orders(
    pool: &PgPool,
    after: i64,
    upto: i64,
    settled_before: OffsetDateTime,
) -> Result<Vec<OrderStock>, ProductError> {
    sqlx::query_as!(
        OrderStock,
        r#"
        select r.order_id, r.state, r.updated_at < $3 as "settled!",
               coalesce(bool_and(l.restocked = l.quantity), false) as "restocked!"
          from reservations r
          left join reservation_lines l on l.order_id = r.order_id
         where r.order_id > $1 and r.order_id <= $2
         group by r.order_id
         order by r.order_id
        "#,
        after,
        upto,
        settled_before,
    )
    .fetch_all(pool)
    .await
    .map_err(fault("read what orders hold"))
}
