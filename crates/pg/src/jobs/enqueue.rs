//! Writing jobs, in the caller's transaction.

use serde_json::Value;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::types::NewJob;

/// Writes a job in the caller's transaction: if it is rolled back, there is none. Nudge the workers after the
/// commit. `None` if the job has a key and one with the same key has not ended yet.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.jobs.enqueue", skip_all, fields(job.kind = job.kind))]
pub async fn enqueue(conn: &mut PgConnection, job: NewJob<'_>) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        insert into job (queue, kind, payload, priority, run_at, max_attempts, unique_key, trace, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            on conflict (queue, unique_key) where unique_key is not null and state in ('waiting', 'running')
            do nothing
        returning id
        "#,
        job.queue,
        job.kind,
        job.payload,
        job.priority.rank(),
        job.run_at,
        i32::from(job.max_attempts),
        job.unique_key,
        job.trace,
        job.created_at,
    )
    .fetch_optional(conn)
    .await
}

/// Writes many jobs with one statement; returns how many were written, which is all but those whose key was taken.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.jobs.enqueue_many", skip_all, fields(jobs = jobs.len()))]
pub async fn enqueue_many(conn: &mut PgConnection, mut jobs: Vec<NewJob<'_>>) -> Result<u64, sqlx::Error> {
    // Two batches that share keys wait for each other in the same order. Jobs without a key stay as they came.
    jobs.sort_by(|a, b| (a.unique_key.is_some(), a.unique_key).cmp(&(b.unique_key.is_some(), b.unique_key)));
    let mut rows = Columns::default();
    for job in jobs {
        rows.queue.push(job.queue.to_owned());
        rows.kind.push(job.kind.to_owned());
        rows.payload.push(job.payload);
        rows.priority.push(job.priority.rank());
        rows.run_at.push(job.run_at);
        rows.max_attempts.push(i32::from(job.max_attempts));
        rows.unique_key.push(job.unique_key.map(str::to_owned));
        rows.trace.push(job.trace.to_owned());
        rows.created_at.push(job.created_at);
    }
    let written = sqlx::query!(
        r#"
        insert into job (queue, kind, payload, priority, run_at, max_attempts, unique_key, trace, created_at)
        select queue, kind, payload, priority, run_at, max_attempts, unique_key, trace, created_at
          from unnest($1::text[], $2::text[], $3::jsonb[], $4::smallint[], $5::timestamptz[], $6::integer[],
                      $7::text[], $8::text[], $9::timestamptz[])
               with ordinality
               as new (queue, kind, payload, priority, run_at, max_attempts, unique_key, trace, created_at, place)
         order by place
            on conflict (queue, unique_key) where unique_key is not null and state in ('waiting', 'running')
            do nothing
        "#,
        &rows.queue,
        &rows.kind,
        &rows.payload,
        &rows.priority,
        &rows.run_at,
        &rows.max_attempts,
        &rows.unique_key as &[Option<String>],
        &rows.trace,
        &rows.created_at,
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected())
}

/// What `unnest` takes.
#[derive(Default)]
struct Columns {
    queue: Vec<String>,
    kind: Vec<String>,
    payload: Vec<Value>,
    priority: Vec<i16>,
    run_at: Vec<OffsetDateTime>,
    max_attempts: Vec<i32>,
    unique_key: Vec<Option<String>>,
    trace: Vec<String>,
    created_at: Vec<OffsetDateTime>,
}
