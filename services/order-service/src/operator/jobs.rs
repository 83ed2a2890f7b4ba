//! What an operator does with jobs from the command line.

pub use pg::jobs::State;
use pg::jobs::{self, Filter};
use runtime::Clock;
use sqlx::PgPool;
use wire::jobs::{Job, QueueDepth};

use crate::error::OrderError;
use crate::http::jobs::view;
use crate::ops::tend;
use crate::store::fault;

/// What the queues hold, and at most `limit` jobs, the latest first.
///
/// # Errors
/// The database does not answer.
pub async fn list_jobs(
    pool: &PgPool,
    clock: &dyn Clock,
    (state, queue): (Option<State>, Option<&str>),
    limit: u32,
) -> Result<(Vec<QueueDepth>, Vec<Job>), OrderError> {
    let now = clock.now();
    let filter = Filter {
        state,
        queue,
        before: None,
    };
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    let queues = jobs::depths(&mut conn, now).await.map_err(fault("count jobs"))?;
    let found = jobs::list(&mut conn, filter, i64::from(limit))
        .await
        .map_err(fault("list jobs"))?;
    let queues = queues.into_iter().map(|queue| view::depth(queue, now)).collect();
    Ok((queues, found.into_iter().map(view::job).collect()))
}

/// One job.
///
/// # Errors
/// There is none, or the database does not answer.
pub async fn find_job(pool: &PgPool, id: i64) -> Result<Job, OrderError> {
    Ok(view::job(tend::find(pool, id).await?))
}

/// Lets a dead job wait again, with all its attempts.
///
/// # Errors
/// It is not dead, or not there, or was replaced meanwhile; or the database does not answer.
pub async fn requeue_job(pool: &PgPool, clock: &dyn Clock, id: i64) -> Result<Job, OrderError> {
    Ok(view::job(tend::requeue(pool, id, clock.now()).await?))
}

/// Forgets a dead job for good.
///
/// # Errors
/// It is not dead, or not there; or the database does not answer.
pub async fn discard_job(pool: &PgPool, id: i64) -> Result<(), OrderError> {
    tend::discard(pool, id).await
}
