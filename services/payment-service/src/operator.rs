//! What an operator does to payments from the command line: check their books, and hold them against the provider's.

use bus::Topic;
use pg::audit::Tally;
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::error::PaymentError;
use crate::ops::observe::PAYMENTS;
use crate::ops::reconcile::RECONCILIATIONS;
pub use crate::ops::reconcile::{Reconciler, Report, reconcile};
pub use crate::store::audit::OrderMoney;
use crate::store::{audit, fault};

/// What happens here that others may hear of.
pub const TOPICS: &[Topic] = &[PAYMENTS, RECONCILIATIONS];

/// What the books say by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Payments, and those whose refunds do not add up.
    pub refunds: Tally,
    /// Entries of the ledger, and those that do not balance.
    pub balance: Tally,
    /// Payments, and those of which the ledger says something else.
    pub ledger: Tally,
    /// Calls of the provider, and those that are in doubt and left lying.
    pub operations: Tally,
    /// Webhooks, and those given up or left lying.
    pub webhooks: Tally,
    /// Things with events, and those whose events are not numbered without gaps.
    pub sequences: Tally,
    /// Events, and those that a subscriber did not acknowledge.
    pub acknowledged: Tally,
}

/// What the books say by themselves. `overdue_before` is when whatever is due must have been taken up.
///
/// # Errors
/// The database did not answer.
pub async fn audit(
    pool: &PgPool,
    settled_before: OffsetDateTime,
    overdue_before: OffsetDateTime,
) -> Result<Facts, PaymentError> {
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    Ok(Facts {
        refunds: audit::refunds(&mut conn).await?,
        balance: audit::balance(&mut conn).await?,
        ledger: audit::ledger(&mut conn).await?,
        operations: audit::operations(&mut conn, overdue_before).await?,
        webhooks: audit::webhooks(&mut conn, overdue_before).await?,
        sequences: pg::audit::sequences(&mut conn)
            .await
            .map_err(fault("audit the numbers of events"))?,
        acknowledged: pg::audit::acknowledged(&mut conn, settled_before)
            .await
            .map_err(fault("audit events"))?,
    })
}

/// The money of the orders after `after` up to `upto`, in their order.
///
/// # Errors
/// The database did not answer.
pub async fn money_of_orders(
    pool: &PgPool,
    after: i64,
    upto: i64,
    settled_before: OffsetDateTime,
) -> Result<Vec<OrderMoney>, PaymentError> {
    audit::orders(pool, after, upto, settled_before).await
}

/// How much is still to be done: calls in doubt, webhooks, and events to hand over.
///
/// # Errors
/// The database did not answer.
pub async fn open_work(pool: &PgPool) -> Result<i64, PaymentError> {
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    let lag = pg::outbox::lag(pool).await.map_err(fault("count events"))?;
    Ok(lag.waiting + audit::waiting(&mut conn).await?)
}
