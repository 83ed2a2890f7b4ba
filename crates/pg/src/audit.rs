//! The book check's part that is the same in every database: what a check comes to, and whether events are where they
//! belong.

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

/// How many wrong ones a check names.
pub const NAMED: usize = 5;

/// What one check over many rows came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many were looked at.
    pub checked: i64,
    /// How many of them are wrong; none is the only good answer.
    pub broken: i64,
    /// What is wrong with the first of them.
    pub first: Vec<String>,
}

impl Tally {
    /// Counts one that was looked at; `wrong` says what is wrong with it.
    pub fn note(&mut self, wrong: Option<String>) {
        self.checked += 1;
        if let Some(wrong) = wrong {
            self.broken += 1;
            if self.first.len() < NAMED {
                self.first.push(wrong);
            }
        }
    }

    /// This check and another one as one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.checked += other.checked;
        self.broken += other.broken;
        self.first.extend(other.first);
        self.first.truncate(NAMED);
        self
    }
}

/// An event of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retained {
    /// Its row.
    pub outbox_id: i64,
    /// What subscribers know it by.
    pub event_id: Uuid,
}

/// Whether the numbers of each thing's retained events have no gap and are not past the last one given out (EVT-1).
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.audit.sequences", skip_all)]
pub async fn sequences(conn: &mut PgConnection) -> Result<Tally, sqlx::Error> {
    sqlx::query_as!(
        Tally,
        r#"
        with things as (
            select o.aggregate, o.aggregate_id,
                   max(o.sequence) - min(o.sequence) + 1 <> count(*) or max(o.sequence) <> coalesce(max(s.last), 0)
                       as wrong
              from outbox o
              left join outbox_sequences s on s.aggregate = o.aggregate and s.aggregate_id = o.aggregate_id
             group by o.aggregate, o.aggregate_id
        )
        select count(*) as "checked!", count(*) filter (where wrong) as "broken!",
               coalesce((array_agg(format('the events of %s %s are not numbered without gaps', aggregate, aggregate_id)
                                   order by aggregate, aggregate_id) filter (where wrong))[1:5], '{}') as "first!"
          from things
        "#,
    )
    .fetch_one(conn)
    .await
}

/// Jobs, and those that were given up (JOB-1), or that nobody has taken up although they, or the lease of a worker that
/// is gone, were over before `overdue_before` (JOB-2).
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.audit.jobs", skip_all)]
pub async fn jobs(conn: &mut PgConnection, overdue_before: OffsetDateTime) -> Result<Tally, sqlx::Error> {
    sqlx::query_as!(
        Tally,
        r#"
        with judged as (
            select id, queue, kind, run_at, state,
                   state = 'dead' or state = 'waiting' and run_at < $1 or state = 'running' and lease_until < $1 as wrong
              from job
        )
        select count(*) as "checked!", count(*) filter (where wrong) as "broken!",
               coalesce((array_agg(case state
                                       when 'dead' then format('job %s (%s/%s) is dead', id, queue, kind)
                                       else format('job %s (%s/%s) is due since %s, and nobody works on it', id, queue,
                                                   kind, run_at)
                                   end
                                   order by id) filter (where wrong))[1:5], '{}') as "first!"
          from judged
        "#,
        overdue_before,
    )
    .fetch_one(conn)
    .await
}

/// Whether every event from before `settled_before` was acknowledged by its subscribers (EVT-1).
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.audit.acknowledged", skip_all)]
pub async fn acknowledged(
    conn: &mut PgConnection,
    settled_before: OffsetDateTime,
) -> Result<Tally, sqlx::Error> {
    sqlx::query_as!(
        Tally,
        r#"
        select count(*) as "checked!", count(d.outbox_id) as "broken!",
               coalesce((array_agg(format('event %s (%s) was not acknowledged by %s', o.event_id, o.type, d.subscriber)
                                   order by o.id) filter (where d.outbox_id is not null))[1:5], '{}') as "first!"
          from outbox o
          left join outbox_deliveries d on d.outbox_id = o.id
         where o.occurred_at < $1
        "#,
        settled_before,
    )
    .fetch_one(conn)
    .await
}

/// At most `limit` events of `aggregate` after the row `after`, oldest first, from before `settled_before`.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.audit.retained", skip_all)]
pub async fn retained(
    pool: &PgPool,
    aggregate: &str,
    after: i64,
    settled_before: OffsetDateTime,
    limit: i64,
) -> Result<Vec<Retained>, sqlx::Error> {
    sqlx::query_as!(
        Retained,
        r#"
        select id as outbox_id, event_id
          from outbox
         where aggregate = $1 and id > $2 and occurred_at < $3
         order by id
         limit $4
        "#,
        aggregate,
        after,
        settled_before,
        limit,
    )
    .fetch_all(pool)
    .await
}

/// Which of `events` `consumer` never took in.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.audit.missing", skip_all)]
pub async fn missing(pool: &PgPool, consumer: &str, events: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select e.id as "id!"
          from unnest($2::uuid[]) with ordinality as e (id, position)
         where not exists (select from inbox i where i.consumer = $1 and i.event_id = e.id)
         order by e.position
        "#,
        consumer,
        events,
    )
    .fetch_all(pool)
    .await
}
