//! Quoting: what products cost now. Carts that ask at the same time are answered from one statement.

use pg::fold::{Fold, Together};
use sqlx::PgPool;

use crate::error::ProductError;
use crate::store::fault;
use crate::store::products::{self, Quoted};

/// Quotes products.
pub type Quotes = Fold<Quoting>;

/// Where prices are.
#[derive(Clone, Debug)]
pub struct Quoting {
    /// The catalogue's database.
    pub db: PgPool,
}

impl Together for Quoting {
    const NAME: &'static str = "quotes";
    /// Products.
    type Ask = Vec<i64>;
    /// Those of them that can be ordered now (ORD-5).
    type Answer = Vec<Quoted>;
    type Error = ProductError;

    fn subject(_products: &Vec<i64>) -> Option<i64> {
        None
    }

    async fn together(
        &self,
        asks: &[Vec<i64>],
    ) -> Result<Vec<Result<Vec<Quoted>, ProductError>>, ProductError> {
        let mut ids: Vec<i64> = asks.iter().flatten().copied().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut conn = self.db.acquire().await.map_err(fault("reach the database"))?;
        let quoted = products::quote(&mut conn, &ids).await?;
        let of = |ask: &Vec<i64>| quoted.iter().filter(|q| ask.contains(&q.id)).cloned().collect();
        Ok(asks.iter().map(of).map(Ok).collect())
    }

    fn unanswered() -> ProductError {
        ProductError::Corrupt("batch of quotes")
    }
}
