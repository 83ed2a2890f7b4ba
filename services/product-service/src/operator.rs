//! What an operator does to the catalogue from the command line: fill it, give it pictures, and check its books.

mod illustrate;
mod load;

use bus::Topic;
use pg::audit::Tally;
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::error::ProductError;
use crate::events::PRODUCTS;
pub use crate::store::audit::{Disagreement, OrderStock};
use crate::store::{audit, fault};
pub use illustrate::illustrate;
pub use load::{Catalogue, CatalogueCategory, CatalogueProduct, LoadError, Loaded, load_catalogue};

/// What happens here that others may hear of.
pub const TOPICS: &[Topic] = &[PRODUCTS];

/// What the books say by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Stock rows that disagree with the ledger or with the open holds.
    pub disagreements: Vec<Disagreement>,
    /// Stock rows, and those with less than nothing on the shelf.
    pub negative: Tally,
    /// Open holds, and those past their time.
    pub overdue: Tally,
    /// Things with events, and those whose events are not numbered without gaps.
    pub sequences: Tally,
    /// Events, and those that a subscriber did not acknowledge.
    pub acknowledged: Tally,
}

/// Every stock row that disagrees with its ledger or with the open holds (STK-1).
///
/// # Errors
/// The database did not answer.
pub async fn check_books(pool: &PgPool) -> Result<Vec<Disagreement>, ProductError> {
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    audit::disagreements(&mut conn).await
}

/// What the books say by themselves. `overdue_before` is when a hold that still holds must not have ended yet.
///
/// # Errors
/// The database did not answer.
pub async fn audit(
    pool: &PgPool,
    settled_before: OffsetDateTime,
    overdue_before: OffsetDateTime,
) -> Result<Facts, ProductError> {
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    Ok(Facts {
        disagreements: audit::disagreements(&mut conn).await?,
        negative: audit::negative(&mut conn).await?,
        overdue: audit::overdue(&mut conn, overdue_before).await?,
        sequences: pg::audit::sequences(&mut conn)
            .await
            .map_err(fault("audit the numbers of events"))?,
        acknowledged: pg::audit::acknowledged(&mut conn, settled_before)
            .await
            .map_err(fault("audit events"))?,
    })
}

/// What the stock says of the orders after `after` up to `upto`, in their order.
///
/// # Errors
/// The database did not answer.
pub async fn stock_of_orders(
    pool: &PgPool,
    after: i64,
    upto: i64,
    settled_before: OffsetDateTime,
) -> Result<Vec<OrderStock>, ProductError> {
    audit::orders(pool, after, upto, settled_before).await
}

/// How much is still to be done: events to hand over.
///
/// # Errors
/// The database did not answer.
pub async fn open_work(pool: &PgPool) -> Result<i64, ProductError> {
    let lag = pg::outbox::lag(pool).await.map_err(fault("count events"))?;
    Ok(lag.waiting)
}
