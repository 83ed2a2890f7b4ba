//! What an operator does to the catalogue from the command line: fill it, and check its books.

mod load;

use sqlx::PgPool;

use crate::error::ProductError;
pub use crate::store::audit::Disagreement;
use crate::store::{audit, fault};
pub use load::{Catalogue, CatalogueCategory, CatalogueProduct, LoadError, Loaded, load_catalogue};

/// Every stock row that disagrees with its ledger or with the open holds (STK-1).
///
/// # Errors
/// The database did not answer.
pub async fn check_books(pool: &PgPool) -> Result<Vec<Disagreement>, ProductError> {
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    audit::disagreements(&mut conn).await
}
