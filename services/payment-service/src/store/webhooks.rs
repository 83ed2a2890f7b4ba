//! `webhook_events`: what the provider told us, as it came.

use std::time::Duration;

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
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    /// The provider's id of it.
    pub event_id: &'a str,
    /// Such as `payment_intent.succeeded`.
    pub kind: &'a str,
    /// The event as it was signed; JSON.
    pub payload: &'a str,
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

/// Stores an event; false if it was stored before.
#[tracing::instrument(name = "db.webhooks.insert", skip_all, fields(event.type = event.kind))]
pub async fn insert(pool: &PgPool, event: NewEvent<'_>, at: OffsetDateTime) -> Result<bool, PaymentError> {
    let written = sqlx::query!(
        r#"
        insert into webhook_events (provider_event_id, type, payload, state, next_at, received_at)
        values ($1, $2, $3::text::json, $4, $5, $5)
            on conflict on constraint webhook_events_provider_event_id_key do nothing
        "#,
        event.event_id,
        event.kind,
        event.payload,
        event.fate.state(),
        at,
    )
    .execute(pool)
    .await
    .map_err(fault("store the event"))?;
    Ok(written.rows_affected() == 1)
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

/// Marks the event as worked off, in the transaction of its effect. False if another worker was first: then
/// nothing more may be done.
pub async fn finish(conn: &mut PgConnection, id: i64) -> Result<bool, PaymentError> {
    let written = sqlx::query!(
        "update webhook_events set state = 'processed', error = null where id = $1 and state = 'received'",
        id,
    )
    .execute(conn)
    .await
    .map_err(fault("mark the event as processed"))?;
    Ok(written.rows_affected() == 1)
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
    let gone = sqlx::query!(
        "delete from webhook_events where state in ('processed', 'ignored') and received_at < $1",
        before,
    )
    .execute(pool)
    .await
    .map_err(fault("forget old events"))?;
    Ok(gone.rows_affected())
}
