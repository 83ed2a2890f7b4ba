//! Observing payments, each in a transaction with the mark that says what it was observed by. Those that are observed at
//! the same time share it.

use std::sync::Arc;

use pg::fold::Together;
use runtime::context::Context;
use sqlx::PgPool;
use types::{Clock, OrderId};

use super::observe::{Look, Seen, observe_all};
use crate::AppState;
use crate::domain::Payment;
use crate::error::PaymentError;
use crate::store::operations::{self, Ended};
use crate::store::{fault, webhooks};

/// Where payments are observed.
pub struct Observing {
    /// The payments' database.
    pub db: PgPool,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What was seen of an order's payment.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The order.
    pub order: OrderId,
    /// What was seen.
    pub seen: Vec<Seen>,
    /// By what.
    pub by: By,
    /// On which request.
    pub context: Option<Context>,
}

/// By what something was seen.
#[derive(Clone, Debug)]
pub enum By {
    /// By looking.
    Look,
    /// By the operation of this key, which ends with it.
    Operation(String, Ended),
    /// By a stored event, which is worked off with it. If another worker was first nothing is taken in (PAY-8).
    Event(i64),
}

impl Observing {
    /// Where `app` does.
    #[must_use]
    pub fn of(app: &AppState) -> Self {
        Self {
            db: app.db.clone(),
            clock: Arc::clone(&app.clock),
        }
    }
}

impl Together for Observing {
    const NAME: &'static str = "observations";
    type Ask = Observation;
    /// The payment as it is then.
    type Answer = Payment;
    type Error = PaymentError;

    fn subject(observation: &Observation) -> Option<i64> {
        Some(observation.order.get())
    }

    async fn together(
        &self,
        asks: &[Observation],
    ) -> Result<Vec<Result<Payment, PaymentError>>, PaymentError> {
        let mut tx = pg::begin(&self.db).await.map_err(fault("begin a transaction"))?;
        let events: Vec<i64> = asks.iter().filter_map(Observation::event).collect();
        let first = webhooks::finish_all(&mut tx, &events).await?;
        let looks: Vec<Look<'_>> = asks
            .iter()
            .map(|ask| Look {
                order: ask.order,
                seen: match ask.event() {
                    Some(event) if !first.contains(&event) => &[],
                    Some(_) | None => &ask.seen,
                },
                context: ask.context.clone(),
            })
            .collect();
        let mut observed = observe_all(&mut tx, &looks, self.clock.now()).await?;
        let ended: Vec<(&str, &Ended)> = asks.iter().filter_map(Observation::ended).collect();
        operations::end_all(&mut tx, &ended).await?;
        tx.commit().await.map_err(fault("commit what was seen"))?;
        observed.count();
        Ok(observed.payments.into_iter().map(Ok).collect())
    }

    fn unanswered() -> PaymentError {
        PaymentError::Corrupt("batch of observations")
    }
}

impl Observation {
    fn event(&self) -> Option<i64> {
        match &self.by {
            By::Event(id) => Some(*id),
            By::Look | By::Operation(..) => None,
        }
    }

    fn ended(&self) -> Option<(&str, &Ended)> {
        match &self.by {
            By::Operation(key, ended) => Some((key, ended)),
            By::Look | By::Event(_) => None,
        }
    }
}
