//! Beginning intents: the payment and the operation that will make its intent are committed before the provider is called
//! (PAY-1). Those that are asked for at the same time share statements and commits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pg::fold::Together;
use sqlx::PgPool;
use types::{Clock, OrderId};

use crate::domain::{Payment, Refusal, Status};
use crate::error::PaymentError;
use crate::store::operations::{self, Kind, Operation};
use crate::store::payments::NewPayment;
use crate::store::{fault, payments};

/// Where intents are begun.
pub struct Beginning {
    /// The payments' database.
    pub db: PgPool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How long whoever calls the provider has an operation to themselves.
    pub call_lease: Duration,
}

/// The payment, and the operation that makes its intent if it has none.
pub type Begun = (Payment, Option<Operation>);

impl Together for Beginning {
    const NAME: &'static str = "intents";
    type Ask = NewPayment;
    type Answer = Begun;
    type Error = PaymentError;

    fn subject(ask: &NewPayment) -> Option<i64> {
        Some(ask.order_id.get())
    }

    /// [`Refusal::Cancelled`] and [`Refusal::OtherAmount`] to those whom they concern.
    async fn together(&self, asks: &[NewPayment]) -> Result<Vec<Result<Begun, PaymentError>>, PaymentError> {
        let now = self.clock.now();
        let mut tx = pg::begin(&self.db).await.map_err(fault("begin a transaction"))?;
        let mut payments = payments::open_all(&mut tx, asks, now).await?;
        let orders = asks.iter().map(|ask| ask.order_id);
        let known: Vec<OrderId> = orders.filter(|order| !payments.contains_key(order)).collect();
        // After all that are new, so that nobody who writes one waits for somebody who holds one.
        payments.extend(payments::lock_all(&mut tx, &known).await?);
        let checked: Vec<Result<&Payment, PaymentError>> =
            asks.iter().map(|ask| check(&payments, ask)).collect();
        let without: Vec<&Payment> = checked
            .iter()
            .flatten()
            .copied()
            .filter(|payment| payment.intent_id.is_none())
            .collect();
        let until = now + self.call_lease;
        let mut started = operations::start_all(&mut tx, &without, Kind::CreateIntent, now, until).await?;
        tx.commit().await.map_err(fault("commit payments"))?;
        let mut begun = |payment: &Payment| (payment.clone(), started.remove(&payment.id));
        Ok(checked
            .into_iter()
            .map(|checked| checked.map(&mut begun))
            .collect())
    }

    fn unanswered() -> PaymentError {
        PaymentError::Corrupt("batch of intents")
    }
}

/// The order's payment, if it is the one that is asked for and may still be paid.
fn check<'a>(payments: &'a HashMap<OrderId, Payment>, ask: &NewPayment) -> Result<&'a Payment, PaymentError> {
    let (order, asked) = (ask.order_id, ask.amount);
    let payment = payments.get(&order).ok_or(Refusal::PaymentNotFound(order))?;
    let stored = payment.asked()?;
    if payment.status == Status::Cancelled {
        return Err(Refusal::Cancelled(order).into());
    }
    if payment.user_id != Some(ask.user_id) || stored != asked {
        return Err(Refusal::OtherAmount { order, stored, asked }.into());
    }
    Ok(payment)
}
