//! The books: what is on the shelf against the ledger, what is reserved against the open holds.

use sqlx::PgConnection;

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
