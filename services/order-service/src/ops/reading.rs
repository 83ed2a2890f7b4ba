//! Reading orders whole. Those that are read at the same time are read by the same statements.

use pg::fold::{Fold, Together};
use sqlx::PgPool;
use types::OrderId;

use crate::domain::{Order, Refusal};
use crate::error::OrderError;
use crate::store::{fault, orders};

/// Reads orders.
pub type Orders = Fold<Reading>;

/// Where they are.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The orders' database.
    pub db: PgPool,
}

impl Together for Reading {
    const NAME: &'static str = "order-reads";
    type Ask = OrderId;
    type Answer = Order;
    type Error = OrderError;

    fn subject(_id: &OrderId) -> Option<i64> {
        None
    }

    /// [`Refusal::NotFound`] for each that there is not.
    async fn together(&self, ids: &[OrderId]) -> Result<Vec<Result<Order, OrderError>>, OrderError> {
        let mut conn = self.db.acquire().await.map_err(fault("reach the database"))?;
        let found = orders::find_all(&mut conn, ids).await?;
        let of = |id: &OrderId| match found.get(id) {
            Some(order) => Ok(order.clone()),
            None => Err(Refusal::NotFound(*id).into()),
        };
        Ok(ids.iter().map(of).collect())
    }

    fn unanswered() -> OrderError {
        OrderError::Corrupt("batch of reads")
    }
}
