//! Events out.

use bus::Topic;
use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{Actor, ProductId};
use wire::events::StockLow;

use crate::error::ProductError;
use crate::store::fault;
use crate::store::holds::Shelf;

/// What happens to products. Nobody subscribes yet. What orders do to their stock is told when little is left.
pub const PRODUCTS: Topic = Topic {
    aggregate: "product",
    subscribers: &[],
};

/// Tells, in the transaction that made it so, of which of `shelves` little is left that was not little before.
/// They are ascending, as whatever is locked; a `threshold` of 0 tells when nothing is left.
pub async fn tell_low(
    conn: &mut PgConnection,
    shelves: &[Shelf],
    threshold: i64,
    actor: Actor,
    at: OffsetDateTime,
) -> Result<(), ProductError> {
    for shelf in shelves {
        if shelf.before <= threshold || shelf.after > threshold {
            continue;
        }
        let product_id = ProductId::new(shelf.product_id).map_err(|_| ProductError::Corrupt("product"))?;
        let event = StockLow {
            product_id,
            available: shelf.after,
            threshold,
        };
        bus::publish(&mut *conn, &PRODUCTS, shelf.product_id, &event, actor, at)
            .await
            .map_err(fault("publish that little is left"))?;
    }
    Ok(())
}
