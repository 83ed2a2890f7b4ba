//! What a person does with jobs: from the admin's routes, and from the command line.

use pg::jobs::{self, Requeued, View};
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::domain::Refusal;
use crate::error::OrderError;
use crate::store::fault;

/// One job.
pub async fn find(db: &PgPool, id: i64) -> Result<View, OrderError> {
    let mut conn = db.acquire().await.map_err(fault("reach the database"))?;
    let found = jobs::find(&mut conn, id).await.map_err(fault("read a job"))?;
    found.ok_or(Refusal::NoJob(id).into())
}

/// Lets a dead job wait again, with all its attempts. Nudge the workers afterwards.
pub async fn requeue(db: &PgPool, id: i64, now: OffsetDateTime) -> Result<View, OrderError> {
    let requeued = {
        let mut conn = db.acquire().await.map_err(fault("reach the database"))?;
        jobs::requeue(&mut conn, id, now)
            .await
            .map_err(fault("requeue a job"))?
    };
    match requeued {
        Requeued::Yes => find(db, id).await,
        Requeued::Missing => Err(Refusal::NoJob(id).into()),
        Requeued::NotDead(state) => Err(Refusal::JobNotDead {
            id,
            state: state.name(),
        }
        .into()),
        Requeued::KeyTaken => Err(Refusal::JobReplaced(id).into()),
    }
}

/// Forgets a dead job for good.
pub async fn discard(db: &PgPool, id: i64) -> Result<(), OrderError> {
    let gone = {
        let mut conn = db.acquire().await.map_err(fault("reach the database"))?;
        jobs::discard(&mut conn, id)
            .await
            .map_err(fault("discard a job"))?
    };
    if gone {
        return Ok(());
    }
    let state = find(db, id).await?.state.name();
    Err(Refusal::JobNotDead { id, state }.into())
}
