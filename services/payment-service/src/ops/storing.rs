//! Storing events: those that come at the same time share a statement and its commit (PAY-7).

use std::sync::Arc;

use pg::fold::Together;
use sqlx::PgPool;
use types::Clock;

use crate::error::PaymentError;
use crate::store::webhooks::{self, NewEvent};

/// Where events are stored.
pub struct Storing {
    /// The payments' database.
    pub db: PgPool,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Together for Storing {
    const NAME: &'static str = "webhooks";
    type Ask = NewEvent;
    /// Whether it was not stored before.
    type Answer = bool;
    type Error = PaymentError;

    /// Deliveries of one event get along: one of them is the first.
    fn subject(_event: &NewEvent) -> Option<i64> {
        None
    }

    async fn together(&self, events: &[NewEvent]) -> Result<Vec<Result<bool, PaymentError>>, PaymentError> {
        let mut new = webhooks::insert_all(&self.db, events, self.clock.now()).await?;
        Ok(events
            .iter()
            .map(|event| Ok(new.remove(&event.event_id)))
            .collect())
    }

    fn unanswered() -> PaymentError {
        PaymentError::Corrupt("batch of events")
    }
}
