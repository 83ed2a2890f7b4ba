//! What comes of a job that was run: many at a time, each only by whoever still holds it.

use std::time::Duration;

use sqlx::PgPool;
use time::OffsetDateTime;

use super::types::{Job, later};

/// Of an error text, so much is kept.
const ERROR_CHARS: usize = 2_000;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It did what it was for.
    Done,
    /// To be tried again after a pause.
    Again {
        /// How long to wait.
        pause: Duration,
        /// Why.
        error: String,
    },
    /// Given up.
    Dead {
        /// Why.
        error: String,
    },
}

/// An attempt that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The job.
    pub id: i64,
    /// The claim that it ran under.
    pub fence: i64,
    /// How it ended.
    pub verdict: Verdict,
}

impl Ended {
    /// `job` ended so.
    #[must_use]
    pub const fn of(job: &Job, verdict: Verdict) -> Self {
        Self {
            id: job.id,
            fence: job.fence,
            verdict,
        }
    }
}

/// Writes down how attempts ended; what is done goes, or stays for a look if `keep_done`. Returns how many were: a
/// job that was taken over meanwhile is left as it is.
///
/// # Errors
/// The database did not answer; what was not written down is run again when its lease runs out.
#[tracing::instrument(name = "db.jobs.finish", skip_all, fields(jobs = ended.len()))]
pub async fn finish(
    pool: &PgPool,
    ended: Vec<Ended>,
    now: OffsetDateTime,
    keep_done: bool,
) -> Result<u64, sqlx::Error> {
    let (mut done, mut failed) = (Claims::default(), Failed::default());
    for Ended { id, fence, verdict } in ended {
        match verdict {
            Verdict::Done => done.push(id, fence),
            Verdict::Again { pause, error } => failed.push((id, fence), Some(later(now, pause)), &error),
            Verdict::Dead { error } => failed.push((id, fence), None, &error),
        }
    }
    let mut count = 0;
    if !done.ids.is_empty() {
        count += match keep_done {
            true => keep(pool, &done, now).await?,
            false => remove(pool, &done).await?,
        };
    }
    if !failed.claims.ids.is_empty() {
        count += put_back(pool, &failed, now).await?;
    }
    Ok(count)
}

/// Gives jobs back that were not run, as if they had not been claimed.
///
/// # Errors
/// The database did not answer; they return when their leases run out.
#[tracing::instrument(name = "db.jobs.hand_back", skip_all)]
pub async fn hand_back(pool: &PgPool, jobs: &[(i64, i64)]) -> Result<u64, sqlx::Error> {
    let claims = Claims::of(jobs);
    let back = sqlx::query!(
        r#"
        update job j
           set state = 'waiting', attempts = j.attempts - 1, lease_until = null
          from unnest($1::bigint[], $2::bigint[]) as held (id, fence)
         where j.id = held.id and j.fence = held.fence and j.state = 'running'
        "#,
        &claims.ids,
        &claims.fences,
    )
    .execute(pool)
    .await?;
    Ok(back.rows_affected())
}

/// Holds jobs, each with its fence, until `until`. Returns those that are still held; the others were taken over.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.jobs.renew", skip_all)]
pub async fn renew(
    pool: &PgPool,
    jobs: &[(i64, i64)],
    until: OffsetDateTime,
) -> Result<Vec<i64>, sqlx::Error> {
    let claims = Claims::of(jobs);
    sqlx::query_scalar!(
        r#"
        update job j
           set lease_until = $3
          from unnest($1::bigint[], $2::bigint[]) as held (id, fence)
         where j.id = held.id and j.fence = held.fence and j.state = 'running'
        returning j.id
        "#,
        &claims.ids,
        &claims.fences,
        until,
    )
    .fetch_all(pool)
    .await
}

async fn remove(pool: &PgPool, done: &Claims) -> Result<u64, sqlx::Error> {
    let gone = sqlx::query!(
        r#"
        delete from job j
         using unnest($1::bigint[], $2::bigint[]) as held (id, fence)
         where j.id = held.id and j.fence = held.fence and j.state = 'running'
        "#,
        &done.ids,
        &done.fences,
    )
    .execute(pool)
    .await?;
    Ok(gone.rows_affected())
}

async fn keep(pool: &PgPool, done: &Claims, now: OffsetDateTime) -> Result<u64, sqlx::Error> {
    let kept = sqlx::query!(
        r#"
        update job j
           set state = 'done', lease_until = null, ended_at = $3
          from unnest($1::bigint[], $2::bigint[]) as held (id, fence)
         where j.id = held.id and j.fence = held.fence and j.state = 'running'
        "#,
        &done.ids,
        &done.fences,
        now,
    )
    .execute(pool)
    .await?;
    Ok(kept.rows_affected())
}

async fn put_back(pool: &PgPool, failed: &Failed, now: OffsetDateTime) -> Result<u64, sqlx::Error> {
    let back = sqlx::query!(
        r#"
        update job j
           set state = case when failed.again_at is null then 'dead' else 'waiting' end,
               run_at = coalesce(failed.again_at, j.run_at),
               ended_at = case when failed.again_at is null then $5::timestamptz end,
               lease_until = null,
               last_error = failed.error
          from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[])
               as failed (id, fence, again_at, error)
         where j.id = failed.id and j.fence = failed.fence and j.state = 'running'
        "#,
        &failed.claims.ids,
        &failed.claims.fences,
        &failed.again_at as &[Option<OffsetDateTime>],
        &failed.errors,
        now,
    )
    .execute(pool)
    .await?;
    Ok(back.rows_affected())
}

/// Jobs and the claims they are held under, as `unnest` takes them.
#[derive(Default)]
struct Claims {
    ids: Vec<i64>,
    fences: Vec<i64>,
}

impl Claims {
    fn of(jobs: &[(i64, i64)]) -> Self {
        let (ids, fences) = jobs.iter().copied().unzip();
        Self { ids, fences }
    }

    fn push(&mut self, id: i64, fence: i64) {
        self.ids.push(id);
        self.fences.push(fence);
    }
}

#[derive(Default)]
struct Failed {
    claims: Claims,
    /// Nothing for what is given up.
    again_at: Vec<Option<OffsetDateTime>>,
    errors: Vec<String>,
}

impl Failed {
    fn push(&mut self, (id, fence): (i64, i64), again_at: Option<OffsetDateTime>, error: &str) {
        self.claims.push(id, fence);
        self.again_at.push(again_at);
        // A character that the database refuses would keep the whole batch from being written.
        let printable = error.chars().filter(|&c| c != '\0');
        self.errors.push(printable.take(ERROR_CHARS).collect());
    }
}
