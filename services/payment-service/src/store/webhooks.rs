//! `webhook_events`: what the provider told us, as it came.

use std::collections::HashSet;
use std::time::Duration;

use pg::retention::in_batches;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use super::fault;
use crate::error::PaymentError;

/// An event that is taken in now.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its row.
    pub id: i64,
    /// The provider's id of it.
    pub event_id: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// The event as it was signed.
    pub payload: String,
    /// The how-manieth attempt this is, from 1.
    pub attempts: i32,
    /// When it came.
    pub received_at: OffsetDateTime,
}

/// A verified event, about to be stored.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The provider's id of it.
    pub event_id: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// The event as it was signed; JSON.
    pub payload: String,
    /// What becomes of it once it is stored.
    pub fate: Fate,
}

/// What becomes of an event once it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is worked off.
    Due,
    /// It says nothing that has to be acted on: storing it was all.
    Kept,
    /// It is not ours to act on.
    Ignored,
}

impl Fate {
    const fn state(self) -> &'static str {
        match self {
            Self::Due => "received",
            Self::Kept => "processed",
            Self::Ignored => "ignored",
        }
    }
}

/// Stores events; the ids of those that were not stored before. In one order, so that two batches do not wait for each
/// other.
#[tracing::instrument(name = "db.webhooks.insert", skip_all, fields(events = events.len()))]
pub async fn insert_all(
    pool: &PgPool,
    events: &[NewEvent],
    at: OffsetDateTime,
) -> Result<HashSet<String>, PaymentError> {
    let ids: Vec<&str> = events.iter().map(|e| e.event_id.as_str()).collect();
    let kinds: Vec<&str> = events.iter().map(|e| e.kind.as_str()).collect();
    let payloads: Vec<&str> = events.iter().map(|e| e.payload.as_str()).collect();
    let states: Vec<&str> = events.iter().map(|e| e.fate.state()).collect();
    let stored = sqlx::query_scalar!(
        r#"
        insert into webhook_events (provider_event_id, type, payload, state, next_at, received_at)
        select id, type, payload::json, state, $5, $5
          from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as given (id, type, payload, state)
         order by id
            on conflict on constraint webhook_events_provider_event_id_key do nothing
        returning provider_event_id
        "#,
        &ids as &[&str],
        &kinds as &[&str],
        &payloads as &[&str],
        &states as &[&str],
        at,
    )
    .fetch_all(pool)
    .await
    .map_err(fault("store events"))?;
    Ok(stored.into_iter().collect())
}

/// Takes up to `limit` events whose time has come and holds them until `now + lease`; what another worker holds is
/// skipped.
#[tracing::instrument(name = "db.webhooks.claim", skip_all)]
pub async fn claim(
    pool: &PgPool,
    now: OffsetDateTime,
    lease: Duration,
    limit: i64,
) -> Result<Vec<Stored>, PaymentError> {
    sqlx::query_as!(
        Stored,
        r#"
        update webhook_events
           set attempts = attempts + 1, next_at = $2
         where id in (
               select id from webhook_events
                where state = 'received' and next_at <= $1
                order by id
                limit $3
                  for update skip locked)
        returning id, provider_event_id as event_id, type as kind, payload::text as "payload!", attempts,
                  received_at
        "#,
        now,
        now + lease,
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(fault("claim events"))
}

/// Marks events as worked off, in the transaction of their effects. Returns those that were not: another worker was first
/// with the others, and nothing more may be done for them.
pub async fn finish_all(conn: &mut PgConnection, ids: &[i64]) -> Result<HashSet<i64>, PaymentError> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let finished = sqlx::query_scalar!(
        r#"
        update webhook_events
           set state = 'processed', error = null
         where id in (select id from webhook_events where id = any($1) and state = 'received' order by id for update)
        returning id
        "#,
        ids,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("mark events as processed"))?;
    Ok(finished.into_iter().collect())
}

/// Puts the event off until `next_at`.
pub async fn postpone(
    pool: &PgPool,
    id: i64,
    why: &str,
    next_at: OffsetDateTime,
) -> Result<(), PaymentError> {
    sqlx::query!(
        "update webhook_events set error = $2, next_at = $3 where id = $1 and state = 'received'",
        id,
        why,
        next_at,
    )
    .execute(pool)
    .await
    .map_err(fault("put the event off"))?;
    Ok(())
}

/// Gives the event up: somebody has to look at it.
pub async fn bury(pool: &PgPool, id: i64, why: &str) -> Result<(), PaymentError> {
    sqlx::query!(
        "update webhook_events set state = 'dead', error = $2 where id = $1 and state = 'received'",
        id,
        why,
    )
    .execute(pool)
    .await
    .map_err(fault("give the event up"))?;
    Ok(())
}

/// Forgets what was worked off before `before`.
pub async fn prune(pool: &PgPool, before: OffsetDateTime) -> Result<u64, PaymentError> {
    let forget = in_batches(async |most| {
        let gone = sqlx::query!(
            r#"
            delete from webhook_events
             where id = any(array(
                select id from webhook_events
                 where state in ('processed', 'ignored') and received_at < $1
                 limit $2))
            "#,
            before,
            most,
        );
        Ok(gone.execute(pool).await?.rows_affected())
    });
    forget.await.map_err(fault("forget old events"))
}
