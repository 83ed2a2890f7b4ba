//! What an operator does to orders from the command line: check their books, and look after
//! their sagas and jobs.

pub mod jobs;
pub mod sagas;

use bus::Topic;
use pg::audit::Tally;
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::error::OrderError;
use crate::events::ORDERS;
pub use crate::store::audit::OrderStands;
use crate::store::{audit, fault};

/// What happens here that others may hear of.
pub const TOPICS: &[Topic] = &[ORDERS];

/// What the books say by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Orders, and those that do not add up.
    pub sums: Tally,
    /// Orders, and those whose history is no chain of legal moves to where they stand.
    pub histories: Tally,
    /// Sagas, and those that are stuck or left lying.
    pub sagas: Tally,
    /// Jobs, and those that are dead or left lying.
    pub jobs: Tally,
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
) -> Result<Facts, OrderError> {
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    Ok(Facts {
        sums: audit::sums(&mut conn).await?,
        histories: audit::histories(&mut conn).await?,
        sagas: audit::sagas(&mut conn, overdue_before).await?,
        jobs: pg::audit::jobs(&mut conn, overdue_before)
            .await
            .map_err(fault("audit jobs"))?,
        sequences: pg::audit::sequences(&mut conn)
            .await
            .map_err(fault("audit the numbers of events"))?,
        acknowledged: pg::audit::acknowledged(&mut conn, settled_before)
            .await
            .map_err(fault("audit events"))?,
    })
}

/// At most `limit` orders after `after`, in their order.
///
/// # Errors
/// The database did not answer.
pub async fn orders(
    pool: &PgPool,
    after: i64,
    settled_before: OffsetDateTime,
    limit: i64,
) -> Result<Vec<OrderStands>, OrderError> {
    audit::orders(pool, after, settled_before, limit).await
}

/// How much is still to be done: sagas to run, jobs, and events to hand over.
///
/// # Errors
/// The database did not answer.
pub async fn open_work(pool: &PgPool) -> Result<i64, OrderError> {
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    let lag = pg::outbox::lag(pool).await.map_err(fault("count events"))?;
    let jobs = pg::jobs::open(&mut conn).await.map_err(fault("count jobs"))?;
    Ok(lag.waiting + jobs + audit::running(&mut conn).await?)
}
