//! Jobs for people: what waits, what failed, and what to do about it.

use std::time::Duration;

use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use super::types::{Priority, State};
use crate::retention::in_batches;

/// A job as its row has it.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Its row.
    pub id: i64,
    /// What it is listed and counted under.
    pub queue: String,
    /// Which handler runs it.
    pub kind: String,
    /// What the handler needs to know.
    pub payload: Value,
    /// Which go first.
    pub priority: Priority,
    /// How it stands.
    pub state: State,
    /// Not before this.
    pub run_at: OffsetDateTime,
    /// How often it was begun.
    pub attempts: i32,
    /// How often it may be.
    pub max_attempts: i32,
    /// Until when a worker holds it.
    pub lease_until: Option<OffsetDateTime>,
    /// What it shares with no other job of the queue that has not ended.
    pub unique_key: Option<String>,
    /// What the latest attempt that failed said.
    pub last_error: Option<String>,
    /// The trace that it belongs to, or empty.
    pub trace: String,
    /// When it was enqueued.
    pub created_at: OffsetDateTime,
    /// When it was done or given up.
    pub ended_at: Option<OffsetDateTime>,
}

/// Which jobs to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter<'a> {
    /// In this state only.
    pub state: Option<State>,
    /// Of this queue only.
    pub queue: Option<&'a str>,
    /// Enqueued before the job with this id.
    pub before: Option<i64>,
}

/// What one queue holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depth {
    /// The queue.
    pub queue: String,
    /// Due, and not taken yet.
    pub due: i64,
    /// To be run later.
    pub delayed: i64,
    /// Held by workers.
    pub running: i64,
    /// Given up.
    pub dead: i64,
    /// Since when the oldest due job could have been run.
    pub oldest: Option<OffsetDateTime>,
}

impl Depth {
    pub(super) const fn empty(queue: String) -> Self {
        Self {
            queue,
            due: 0,
            delayed: 0,
            running: 0,
            dead: 0,
            oldest: None,
        }
    }

    /// How long the oldest due job has waited; zero if none does.
    #[must_use]
    pub fn age(&self, now: OffsetDateTime) -> Duration {
        self.oldest
            .and_then(|at| Duration::try_from(now - at).ok())
            .unwrap_or_default()
    }
}

/// What came of a request to run a dead job again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requeued {
    /// It waits again, with all its attempts.
    Yes,
    /// There is no such job.
    Missing,
    /// It is not dead.
    NotDead(State),
    /// Another job with its key has not ended yet.
    KeyTaken,
}

struct Row {
    id: i64,
    queue: String,
    kind: String,
    payload: Value,
    priority: i16,
    state: String,
    run_at: OffsetDateTime,
    attempts: i32,
    max_attempts: i32,
    lease_until: Option<OffsetDateTime>,
    unique_key: Option<String>,
    last_error: Option<String>,
    trace: String,
    created_at: OffsetDateTime,
    ended_at: Option<OffsetDateTime>,
}

impl TryFrom<Row> for View {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            queue: row.queue,
            kind: row.kind,
            payload: row.payload,
            priority: Priority::of_rank(row.priority),
            state: state(&row.state)?,
            run_at: row.run_at,
            attempts: row.attempts,
            max_attempts: row.max_attempts,
            lease_until: row.lease_until,
            unique_key: row.unique_key,
            last_error: row.last_error,
            trace: row.trace,
            created_at: row.created_at,
            ended_at: row.ended_at,
        })
    }
}

fn state(word: &str) -> Result<State, sqlx::Error> {
    word.parse().map_err(|e| sqlx::Error::Decode(Box::new(e)))
}

/// Up to `limit` jobs, the latest first.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.jobs.list", skip_all)]
pub async fn list(conn: &mut PgConnection, filter: Filter<'_>, limit: i64) -> Result<Vec<View>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id, queue, kind, payload, priority, state, run_at, attempts, max_attempts, lease_until, unique_key,
               last_error, trace, created_at, ended_at
          from job
         where ($1::text is null or state = $1)
           and ($2::text is null or queue = $2)
           and ($3::bigint is null or id < $3)
         order by id desc
         limit $4
        "#,
        filter.state.map(State::name),
        filter.queue,
        filter.before,
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(View::try_from).collect()
}

/// The job `id`, if there is one.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.jobs.find", skip_all)]
pub async fn find(conn: &mut PgConnection, id: i64) -> Result<Option<View>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select id, queue, kind, payload, priority, state, run_at, attempts, max_attempts, lease_until, unique_key,
               last_error, trace, created_at, ended_at
          from job
         where id = $1
        "#,
        id,
    )
    .fetch_optional(conn)
    .await?;
    row.map(View::try_from).transpose()
}

/// Lets a dead job wait again, with all its attempts.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.jobs.requeue", skip_all)]
pub async fn requeue(conn: &mut PgConnection, id: i64, now: OffsetDateTime) -> Result<Requeued, sqlx::Error> {
    let moved = sqlx::query!(
        r#"
        update job j
           set state = 'waiting', run_at = $2, attempts = 0, ended_at = null
         where j.id = $1
           and j.state = 'dead'
           and not exists (
                   select from job other
                    where other.queue = j.queue
                      and other.unique_key = j.unique_key
                      and other.state in ('waiting', 'running'))
        "#,
        id,
        now,
    )
    .execute(&mut *conn)
    .await;
    match moved {
        Ok(moved) if moved.rows_affected() == 1 => return Ok(Requeued::Yes),
        Ok(_) => {}
        // Enqueued in between; the transaction is lost, and nothing was written.
        Err(error) if crate::constraint_of(&error) == Some("job_unique_key") => {
            return Ok(Requeued::KeyTaken);
        }
        Err(error) => return Err(error),
    }
    let word = sqlx::query_scalar!("select state from job where id = $1", id)
        .fetch_optional(conn)
        .await?;
    Ok(match word.as_deref().map(state).transpose()? {
        None => Requeued::Missing,
        Some(State::Dead) => Requeued::KeyTaken,
        Some(other) => Requeued::NotDead(other),
    })
}

/// Forgets a dead job for good. False if it is not dead, or not there.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.jobs.discard", skip_all)]
pub async fn discard(conn: &mut PgConnection, id: i64) -> Result<bool, sqlx::Error> {
    let gone = sqlx::query!("delete from job where id = $1 and state = 'dead'", id)
        .execute(conn)
        .await?;
    Ok(gone.rows_affected() == 1)
}

/// How many jobs are still to be done, those that wait for a later time among them.
///
/// # Errors
/// The database did not answer.
pub async fn open(conn: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from job where state in ('waiting', 'running')"#)
        .fetch_one(conn)
        .await
}

/// What each queue that holds any job holds.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.jobs.depths", skip_all)]
pub async fn depths(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<Depth>, sqlx::Error> {
    sqlx::query_as!(
        Depth,
        r#"
        select queue,
               count(*) filter (where state = 'waiting' and run_at <= $1) as "due!",
               count(*) filter (where state = 'waiting' and run_at > $1) as "delayed!",
               count(*) filter (where state = 'running') as "running!",
               count(*) filter (where state = 'dead') as "dead!",
               min(run_at) filter (where state = 'waiting' and run_at <= $1) as oldest
          from job
         where state <> 'done'
         group by queue
         order by queue
        "#,
        now,
    )
    .fetch_all(conn)
    .await
}

/// Forgets jobs that were done before `before`; returns how many. Dead ones stay until a person decides.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.jobs.prune", skip_all)]
pub async fn prune(pool: &PgPool, before: OffsetDateTime) -> Result<u64, sqlx::Error> {
    in_batches(async |most| {
        let gone = sqlx::query!(
            r#"
            delete from job
             where id = any(array(select id from job where state = 'done' and ended_at < $1 limit $2))
            "#,
            before,
            most,
        );
        Ok(gone.execute(pool).await?.rows_affected())
    })
    .await
}
