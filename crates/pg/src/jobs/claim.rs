//! Taking jobs, and taking them back from workers that are gone.

use std::time::Duration;

use sqlx::PgPool;
use time::OffsetDateTime;

use super::types::{Job, Wanted, later};

/// What a job is marked with whose worker did not come back.
const LOST: &str = "its worker was lost: the lease ran out";

/// Takes what is due and fits in `wanted`, and holds it until `now + lease`. Per kind, higher priorities go first and
/// then what has waited longest; what another worker is taking just now is skipped, not waited for.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.jobs.claim", skip_all)]
pub async fn claim(
    pool: &PgPool,
    wanted: &[Wanted<'_>],
    now: OffsetDateTime,
    lease: Duration,
) -> Result<Vec<Job>, sqlx::Error> {
    let queues: Vec<String> = wanted.iter().map(|w| w.queue.to_owned()).collect();
    let kinds: Vec<String> = wanted.iter().map(|w| w.kind.to_owned()).collect();
    let room: Vec<i64> = wanted
        .iter()
        .map(|w| i64::try_from(w.room).unwrap_or(i64::MAX))
        .collect();
    // One look per priority, so that what is to wait for tomorrow is never walked past.
    let mut rows = sqlx::query!(
        r#"
        with due as (
            select found.id
              from unnest($1::text[], $2::text[], $3::bigint[]) as wanted (queue, kind, room)
             cross join lateral (
                   select next.id
                     from (values (0::smallint), (1::smallint), (2::smallint)) as level (priority)
                    cross join lateral (
                          select j.id, j.run_at
                            from job j
                           where j.state = 'waiting'
                             and j.queue = wanted.queue
                             and j.kind = wanted.kind
                             and j.priority = level.priority
                             and j.run_at <= $4
                           order by j.run_at, j.id
                           limit wanted.room
                             for update of j skip locked) as next
                    order by level.priority, next.run_at, next.id
                    limit wanted.room) as found
        )
        update job j
           set state = 'running', attempts = j.attempts + 1, fence = j.fence + 1, lease_until = $5
          from due
         where j.id = due.id
        returning j.id, j.queue, j.kind, j.payload, j.priority, j.run_at, j.attempts, j.max_attempts, j.fence,
                  j.trace, j.created_at
        "#,
        &queues,
        &kinds,
        &room,
        now,
        later(now, lease),
    )
    .fetch_all(pool)
    .await?;
    rows.sort_by_key(|row| (row.priority, row.run_at, row.id));
    let jobs = rows.into_iter().map(|row| Job {
        id: row.id,
        queue: row.queue,
        kind: row.kind,
        payload: row.payload,
        attempt: row.attempts.try_into().unwrap_or(u16::MAX),
        max_attempts: row.max_attempts.try_into().unwrap_or(u16::MAX),
        fence: row.fence,
        trace: row.trace,
        created_at: row.created_at,
    });
    Ok(jobs.collect())
}

/// Gives jobs of `queues` whose lease ran out to whoever claims next; one that has used up its attempts is dead, so
/// that a job which takes its process down does not do so forever. The lease was the pause. Returns how many.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.jobs.reap", skip_all)]
pub async fn reap(pool: &PgPool, queues: &[String], now: OffsetDateTime) -> Result<u64, sqlx::Error> {
    let reaped = sqlx::query!(
        r#"
        with lost as (
            select id
              from job
             where state = 'running' and queue = any($1) and lease_until <= $2
             order by id
               for update skip locked
        )
        update job j
           set state = case when j.attempts >= j.max_attempts then 'dead' else 'waiting' end,
               ended_at = case when j.attempts >= j.max_attempts then $2::timestamptz end,
               lease_until = null,
               last_error = $3
          from lost
         where j.id = lost.id
        "#,
        queues,
        now,
        LOST,
    )
    .execute(pool)
    .await?;
    Ok(reaped.rows_affected())
}
