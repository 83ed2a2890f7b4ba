//! Events out: written by the transaction that makes them true, handed over at least once and, per
//! aggregate and subscriber, in order.
//!
//! A relay loops: [`claim`], send (no transaction is open meanwhile), then [`delivered`] or [`failed`].

use std::time::Duration;

use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

use crate::retention::in_batches;

/// An event that is about to be written. Carries ids, not personal data: the log outlives an account.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent<'a> {
    /// The versioned name, such as `order.paid.v1`.
    pub event_type: &'a str,
    /// The kind of thing that changed, such as `order`.
    pub aggregate: &'a str,
    /// Which one.
    pub aggregate_id: i64,
    /// What a subscriber needs to know.
    pub payload: Value,
    /// When it became true.
    pub occurred_at: OffsetDateTime,
    /// Who did it, such as `customer:17` or `saga:checkout`.
    pub actor: &'a str,
    /// The trace that it belongs to (a `traceparent`), or empty.
    pub trace: &'a str,
    /// The id of the event or request that caused it.
    pub causation: Option<&'a str>,
}

/// Where an event got its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The id that subscribers tell repetitions by.
    pub event_id: Uuid,
    /// 1, 2, 3 … per aggregate, without gaps.
    pub sequence: i64,
}

/// An event as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// The row's number in this database's log.
    pub outbox_id: i64,
    /// The id that subscribers tell repetitions by.
    pub event_id: Uuid,
    /// The versioned name, such as `order.paid.v1`.
    pub event_type: String,
    /// The kind of thing that changed.
    pub aggregate: String,
    /// Which one.
    pub aggregate_id: i64,
    /// 1, 2, 3 … per aggregate, without gaps.
    pub sequence: i64,
    /// What a subscriber needs to know.
    pub payload: Value,
    /// When it became true.
    pub occurred_at: OffsetDateTime,
    /// Who did it.
    pub actor: String,
    /// The trace that it belongs to, or empty.
    pub trace: String,
    /// The id of the event or request that caused it.
    pub causation: Option<String>,
}

/// An event that this relay may hand to one subscriber until its lease runs out.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// What to hand over.
    pub event: StoredEvent,
    /// To whom.
    pub subscriber: String,
    /// The how-manieth attempt this is, from 1.
    pub attempt: i32,
}

/// What still waits to be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lag {
    /// Deliveries that wait, one per event and subscriber.
    pub waiting: i64,
    /// When the oldest of their events happened.
    pub oldest: Option<OffsetDateTime>,
}

impl Lag {
    /// How old the oldest waiting event is; zero if none waits.
    #[must_use]
    pub fn age(&self, now: OffsetDateTime) -> Duration {
        self.oldest
            .and_then(|at| Duration::try_from(now - at).ok())
            .unwrap_or_default()
    }
}

/// Writes an event and one delivery per subscriber in the caller's transaction, in one round trip.
///
/// Takes the aggregate's next sequence number, whose row stays locked until the transaction ends: whoever
/// publishes for several aggregates goes through them in ascending order, as with every other lock.
///
/// # Errors
/// The database did not answer.
pub async fn publish(
    conn: &mut PgConnection,
    event: NewEvent<'_>,
    subscribers: &[&str],
) -> Result<Published, sqlx::Error> {
    let published = publish_all(conn, vec![event], subscribers).await?;
    published.into_iter().next().ok_or(sqlx::Error::RowNotFound)
}

/// [`publish`] for many, in one round trip too. Those about one aggregate follow each other as they stand here.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.outbox.publish", skip_all, fields(events = events.len()))]
pub async fn publish_all(
    conn: &mut PgConnection,
    mut events: Vec<NewEvent<'_>>,
    subscribers: &[&str],
) -> Result<Vec<Published>, sqlx::Error> {
    events.sort_by(|a, b| (a.aggregate, a.aggregate_id).cmp(&(b.aggregate, b.aggregate_id)));
    let subscribers: Vec<String> = subscribers.iter().map(|&s| s.to_owned()).collect();
    let mut rows = Columns::default();
    let same =
        |a: &NewEvent<'_>, b: &NewEvent<'_>| (a.aggregate, a.aggregate_id) == (b.aggregate, b.aggregate_id);
    for group in events.chunk_by(same) {
        let all = i64::try_from(group.len()).unwrap_or(i64::MAX);
        rows.nth.extend(1..=all);
        rows.more.extend((0..all).rev());
    }
    for event in events {
        rows.event_id.push(event_id_at(event.occurred_at));
        rows.event_type.push(event.event_type.to_owned());
        rows.aggregate.push(event.aggregate.to_owned());
        rows.aggregate_id.push(event.aggregate_id);
        rows.payload.push(event.payload);
        rows.occurred_at.push(event.occurred_at);
        rows.actor.push(event.actor.to_owned());
        rows.trace.push(event.trace.to_owned());
        rows.causation.push(event.causation.map(str::to_owned));
    }
    let written = sqlx::query!(
        r#"
        with given as (
            select *
              from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::jsonb[], $6::timestamptz[], $7::text[],
                          $8::text[], $9::text[], $11::bigint[], $12::bigint[]) with ordinality
                   as given (event_id, type, aggregate, aggregate_id, payload, occurred_at, actor, trace, causation, nth,
                             more, turn)
        ), numbered as (
            insert into outbox_sequences as s (aggregate, aggregate_id, last)
            select aggregate, aggregate_id, nth from given where more = 0 order by turn
                on conflict on constraint outbox_sequences_pkey do update set last = s.last + excluded.last
            returning aggregate, aggregate_id, last
        ), written as (
            insert into outbox (event_id, type, aggregate, aggregate_id, sequence, payload,
                                occurred_at, actor, trace, causation)
            select g.event_id, g.type, g.aggregate, g.aggregate_id, n.last - g.more, g.payload,
                   g.occurred_at, g.actor, g.trace, g.causation
              from given g
              join numbered n on n.aggregate = g.aggregate and n.aggregate_id = g.aggregate_id
             order by g.turn
            returning id, event_id, aggregate, aggregate_id, sequence, occurred_at
        ), queued as (
            insert into outbox_deliveries (outbox_id, subscriber, aggregate, aggregate_id, sequence, next_at)
            select w.id, subscriber, w.aggregate, w.aggregate_id, w.sequence, w.occurred_at
              from written w, unnest($10::text[]) as subscriber
        )
        select event_id, sequence from written
        "#,
        &rows.event_id,
        &rows.event_type,
        &rows.aggregate,
        &rows.aggregate_id,
        &rows.payload,
        &rows.occurred_at,
        &rows.actor,
        &rows.trace,
        &rows.causation as &[Option<String>],
        &subscribers,
        &rows.nth,
        &rows.more,
    )
    .fetch_all(conn)
    .await?;
    Ok(written
        .into_iter()
        .map(|row| Published {
            event_id: row.event_id,
            sequence: row.sequence,
        })
        .collect())
}

/// What `unnest` takes.
#[derive(Default)]
struct Columns {
    event_id: Vec<Uuid>,
    event_type: Vec<String>,
    aggregate: Vec<String>,
    aggregate_id: Vec<i64>,
    payload: Vec<Value>,
    occurred_at: Vec<OffsetDateTime>,
    actor: Vec<String>,
    trace: Vec<String>,
    causation: Vec<Option<String>>,
    /// Which of its aggregate's it is, from 1, and how many of them follow.
    nth: Vec<i64>,
    more: Vec<i64>,
}

/// Takes up to `limit` deliveries that are due and holds them until `now + lease`.
///
/// Per aggregate and subscriber only the earliest one that is not yet delivered is given out, so order holds
/// across relays; what another relay holds is skipped, not waited for.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.outbox.claim", skip_all)]
pub async fn claim(
    pool: &PgPool,
    now: OffsetDateTime,
    lease: Duration,
    limit: u32,
) -> Result<Vec<Claimed>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        with due as (
            select d.outbox_id, d.subscriber
              from outbox_deliveries d
             where d.next_at <= $1
               and (d.lease_until is null or d.lease_until <= $1)
               and not exists (
                       select from outbox_deliveries earlier
                        where earlier.subscriber = d.subscriber
                          and earlier.aggregate = d.aggregate
                          and earlier.aggregate_id = d.aggregate_id
                          and earlier.sequence < d.sequence)
             order by d.outbox_id
             limit $3
               for update of d skip locked
        ), claimed as (
            update outbox_deliveries d
               set attempts = d.attempts + 1, lease_until = $2
              from due
             where d.outbox_id = due.outbox_id and d.subscriber = due.subscriber
            returning d.outbox_id, d.subscriber, d.attempts
        )
        select o.id, o.event_id, o.type as event_type, o.aggregate, o.aggregate_id, o.sequence, o.payload,
               o.occurred_at, o.actor, o.trace, o.causation, c.subscriber, c.attempts
          from claimed c
          join outbox o on o.id = c.outbox_id
         order by o.id, c.subscriber
        "#,
        now,
        now + lease,
        i64::from(limit),
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Claimed {
            event: StoredEvent {
                outbox_id: row.id,
                event_id: row.event_id,
                event_type: row.event_type,
                aggregate: row.aggregate,
                aggregate_id: row.aggregate_id,
                sequence: row.sequence,
                payload: row.payload,
                occurred_at: row.occurred_at,
                actor: row.actor,
                trace: row.trace,
                causation: row.causation,
            },
            subscriber: row.subscriber,
            attempt: row.attempts,
        })
        .collect())
}

/// Notes that these were acknowledged by their subscribers; holds even if the lease ran out meanwhile.
///
/// # Errors
/// The database did not answer; the deliveries are then repeated, which the subscriber's inbox absorbs.
#[tracing::instrument(name = "db.outbox.delivered", skip_all)]
pub async fn delivered<'a>(
    pool: &PgPool,
    done: impl IntoIterator<Item = &'a Claimed>,
) -> Result<(), sqlx::Error> {
    let (ids, subscribers): (Vec<i64>, Vec<String>) = done
        .into_iter()
        .map(|c| (c.event.outbox_id, c.subscriber.clone()))
        .unzip();
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"
        delete from outbox_deliveries d
         using unnest($1::bigint[], $2::text[]) as done (outbox_id, subscriber)
         where d.outbox_id = done.outbox_id and d.subscriber = done.subscriber
        "#,
        &ids,
        &subscribers,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Gives a claimed delivery back, to be tried again at `now + backoff`. Does nothing if another relay has
/// claimed it meanwhile.
///
/// # Errors
/// The database did not answer; the delivery then returns when its lease runs out.
#[tracing::instrument(name = "db.outbox.failed", skip_all)]
pub async fn failed(
    pool: &PgPool,
    claimed: &Claimed,
    now: OffsetDateTime,
    backoff: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update outbox_deliveries
           set next_at = $4, lease_until = null
         where outbox_id = $1 and subscriber = $2 and attempts = $3
        "#,
        claimed.event.outbox_id,
        claimed.subscriber,
        claimed.attempt,
        now + backoff,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// How far the relays are behind.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.outbox.lag", skip_all)]
pub async fn lag(pool: &PgPool) -> Result<Lag, sqlx::Error> {
    sqlx::query_as!(
        Lag,
        r#"
        select count(*) as "waiting!", min(o.occurred_at) as oldest
          from outbox_deliveries d
          join outbox o on o.id = d.outbox_id
        "#,
    )
    .fetch_one(pool)
    .await
}

/// Forgets events from before `before` that nobody waits for; returns how many. Sequences go on where they were.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.outbox.prune", skip_all)]
pub async fn prune(pool: &PgPool, before: OffsetDateTime) -> Result<u64, sqlx::Error> {
    in_batches(async |most| {
        let gone = sqlx::query!(
            r#"
            delete from outbox
             where id = any(array(
                select o.id
                  from outbox o
                 where o.occurred_at < $1
                   and not exists (select from outbox_deliveries d where d.outbox_id = o.id)
                 order by o.occurred_at
                 limit $2))
            "#,
            before,
            most,
        );
        Ok(gone.execute(pool).await?.rows_affected())
    })
    .await
}

/// A version 7 id at the event's own time, so that ids sort as events happened.
fn event_id_at(at: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(at.unix_timestamp()).unwrap_or_default();
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, at.nanosecond()))
}
