//! Jobs that the clock enqueues: whichever process sees first that one is due, and only that one.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use super::cron::Cron;
use super::enqueue::enqueue;
use super::types::{NewJob, later};

/// How often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Every {
    /// Once per so long; at least a second.
    Interval(Duration),
    /// At certain times.
    At(Cron),
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interval(span) => write!(f, "every {}s", span.as_secs()),
            Self::At(cron) => cron.fmt(f),
        }
    }
}

impl Every {
    /// The first time after `now`, for what was last due at `last`. Times that were missed are passed over.
    fn next(&self, last: OffsetDateTime, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::Interval(span) => {
                let span = (*span).max(Duration::from_secs(1));
                let missed = Duration::try_from(now - last).unwrap_or_default();
                let times = missed.as_nanos() / span.as_nanos() + 1;
                later(
                    last,
                    span.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX)),
                )
            }
            Self::At(cron) => cron
                .next_after(now.max(last))
                .unwrap_or_else(|| later(now, Duration::MAX)),
        }
    }
}

/// A job that is enqueued again and again. If several times were missed, because no process ran, it is enqueued once.
/// While an earlier one has not ended, none is added.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Its name, one of a kind in the database.
    pub name: &'static str,
    /// How often.
    pub every: Every,
    /// The queue of the job.
    pub queue: &'static str,
    /// The kind of the job.
    pub kind: &'static str,
    /// The payload of the job.
    pub payload: Value,
}

/// Writes down schedules that are new or have changed; the others keep their time. Once per process is enough: a
/// process of an earlier release beside this one does not change them back while it runs.
pub(super) async fn register(
    pool: &PgPool,
    schedules: &[Schedule],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    for schedule in schedules {
        sqlx::query!(
            r#"
            insert into job_schedule as known (name, spec, next_at)
            values ($1, $2, $3)
                on conflict on constraint job_schedule_pkey
                do update set spec = excluded.spec, next_at = excluded.next_at
                where known.spec <> excluded.spec
            "#,
            schedule.name,
            schedule.every.to_string(),
            schedule.every.next(now, now),
        )
        .execute(pool)
        .await?;
    }
    Ok(())
}

/// Enqueues what is due; any number of processes may do so at once. Returns how many were enqueued by this one.
///
/// # Errors
/// The database did not answer; what was not enqueued still is due.
#[tracing::instrument(name = "db.jobs.tick", skip_all)]
pub async fn tick(pool: &PgPool, schedules: &[Schedule], now: OffsetDateTime) -> Result<usize, sqlx::Error> {
    if schedules.is_empty() {
        return Ok(0);
    }
    let names: Vec<String> = schedules.iter().map(|s| s.name.to_owned()).collect();
    let due = sqlx::query!(
        "select name, next_at from job_schedule where name = any($1) and next_at <= $2",
        &names,
        now,
    )
    .fetch_all(pool)
    .await?;
    let mut count = 0;
    for row in due {
        if let Some(schedule) = schedules.iter().find(|s| s.name == row.name) {
            let mut tx = crate::begin(pool).await?;
            if fire(&mut tx, schedule, row.next_at, now).await? {
                tx.commit().await?;
                count += 1;
            }
        }
    }
    Ok(count)
}

/// Moves the schedule on from `due` and enqueues its job. False if another process has.
async fn fire(
    conn: &mut PgConnection,
    schedule: &Schedule,
    due: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query!(
        "update job_schedule set next_at = $3, last_at = $4 where name = $1 and next_at = $2",
        schedule.name,
        due,
        schedule.every.next(due, now),
        now,
    )
    .execute(&mut *conn)
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    let key = format!("schedule/{}", schedule.name);
    let job = NewJob::new(schedule.queue, schedule.kind, schedule.payload.clone(), now).unique(&key);
    if enqueue(conn, job).await?.is_none() {
        tracing::warn!(
            schedule = schedule.name,
            "the earlier run has not ended; this one is left out"
        );
    }
    Ok(true)
}
