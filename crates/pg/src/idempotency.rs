//! Requests that carry an `Idempotency-Key`: done once, answered alike each time.
//!
//! Two ways to use it. [`begin`] inside the transaction that does the work: a second request waits for the
//! first to end. Or `begin` on a connection of its own, [`bind_subject`] inside the work's transaction and
//! [`finish`] at the end: a second request is told that the first still runs, and after a crash the answer
//! is built from the subject.

use std::time::Duration;

use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;

use crate::retention::in_batches;

/// When to come back while the first request runs: its work takes milliseconds, its lease far longer.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often [`begin`] looks again when the row vanishes under it.
const LOOKS: usize = 8;

/// Which request this is. Another principal or route with the same key is another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Who asks, such as `user:17`.
    pub principal: &'a str,
    /// Method and route, such as `POST /api/v1/orders`.
    pub route: &'a str,
    /// The header's value.
    pub key: &'a str,
    /// The hash of the canonical body.
    pub body_hash: &'a [u8],
}

/// A [`Scope`] of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Who asks, such as `user:17`.
    pub principal: String,
    /// Method and route, such as `POST /api/v1/orders`.
    pub route: &'static str,
    /// The header's value.
    pub key: String,
    /// The hash of the canonical body.
    pub body_hash: Vec<u8>,
}

impl Key {
    /// Which request it is.
    #[must_use]
    pub fn scope(&self) -> Scope<'_> {
        Scope {
            principal: &self.principal,
            route: self.route,
            key: &self.key,
            body_hash: &self.body_hash,
        }
    }
}

/// An answer that can be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers that belong to the answer, such as `Location`.
    pub headers: Vec<(String, String)>,
    /// The body as it was sent.
    pub body: Vec<u8>,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Do the work; the key is this caller's until its lease runs out.
    New,
    /// It was done: give this answer again.
    Replay(StoredAnswer),
    /// The key was used with another body: refuse.
    Mismatch,
    /// The first request still runs: come back.
    InProgress {
        /// When.
        retry_after: Duration,
    },
    /// The first request died after its effect was committed: build the answer from the subject, then [`finish`].
    Unfinished {
        /// What the first request made.
        subject_id: i64,
    },
}

/// Why a subject could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The lease ran out and another request with this key has made, or now makes, the effect. Roll back.
    #[error("another request with this idempotency key took over")]
    TakenOver,
    /// The database did not answer.
    #[error("could not remember what the request made")]
    Store(#[from] sqlx::Error),
}

/// Claims the key until `now + lease`, or says what became of the request that has it. Keys older than
/// `keep` are as if never seen.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.idempotency.begin", skip_all, fields(route = scope.route))]
pub async fn begin(
    conn: &mut PgConnection,
    scope: &Scope<'_>,
    now: OffsetDateTime,
    lease: Duration,
    keep: Duration,
) -> Result<Begin, sqlx::Error> {
    for _ in 0..LOOKS {
        match claim(conn, scope, now, now + lease, now - keep).await {
            Ok(true) => return Ok(Begin::New),
            Ok(false) => {}
            Err(error) if is_lock_timeout(&error) => {
                return Ok(Begin::InProgress {
                    retry_after: RETRY_AFTER,
                });
            }
            Err(error) => return Err(error),
        }
        if let Some(found) = look(conn, scope, now, keep).await? {
            return Ok(found);
        }
        // Abandoned between the two statements: free to be claimed.
    }
    Ok(Begin::InProgress {
        retry_after: RETRY_AFTER,
    })
}

/// True if the key was free, had expired, or was held by a request that died without effect.
async fn claim(
    conn: &mut PgConnection,
    scope: &Scope<'_>,
    now: OffsetDateTime,
    lease_until: OffsetDateTime,
    keep_since: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let written = sqlx::query!(
        r#"
        insert into idempotency_keys as k (principal, route, key, body_hash, state, lease_until, created_at)
        values ($1, $2, $3, $4, 'running', $6, $5)
            on conflict on constraint idempotency_keys_pkey do update
           set body_hash = excluded.body_hash, state = 'running', lease_until = excluded.lease_until,
               status = null, headers = null, body = null, subject_id = null, created_at = excluded.created_at
         where (k.created_at < $7 and (k.state = 'done' or k.lease_until <= $5))
            or (k.state = 'running' and k.lease_until <= $5 and k.subject_id is null
                and k.body_hash = excluded.body_hash)
        "#,
        scope.principal,
        scope.route,
        scope.key,
        scope.body_hash,
        now,
        lease_until,
        keep_since,
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// What became of the request that has the key, without claiming it; `None` if [`begin`] would take it.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.idempotency.look", skip_all, fields(route = scope.route))]
pub async fn look(
    conn: &mut PgConnection,
    scope: &Scope<'_>,
    now: OffsetDateTime,
    keep: Duration,
) -> Result<Option<Begin>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select body_hash = $4 as "same_body!", lease_until, subject_id, status,
               headers as "headers: Json<Vec<(String, String)>>", body
          from idempotency_keys
         where principal = $1 and route = $2 and key = $3
           and not ((created_at < $6 and (state = 'done' or lease_until <= $5))
                    or (state = 'running' and lease_until <= $5 and subject_id is null and body_hash = $4))
        "#,
        scope.principal,
        scope.route,
        scope.key,
        scope.body_hash,
        now,
        now - keep,
    )
    .fetch_optional(conn)
    .await?;
    Ok(
        row.map(|row| match (row.status, row.headers, row.body, row.subject_id) {
            _ if !row.same_body => Begin::Mismatch,
            (Some(status), Some(Json(headers)), Some(body), _) => Begin::Replay(StoredAnswer {
                status: u16::try_from(status).unwrap_or(500),
                headers,
                body,
            }),
            (.., Some(subject_id)) if row.lease_until <= now => Begin::Unfinished { subject_id },
            _ => Begin::InProgress {
                retry_after: RETRY_AFTER,
            },
        }),
    )
}

/// Remembers what the request made, in the transaction that makes it: from here on the effect is known to
/// belong to the key. Binding the same subject again is harmless.
///
/// # Errors
/// [`BindError::TakenOver`] if this request lost its key: the caller's transaction must not commit.
#[tracing::instrument(name = "db.idempotency.bind_subject", skip_all, fields(route = scope.route))]
pub async fn bind_subject(
    conn: &mut PgConnection,
    scope: &Scope<'_>,
    subject_id: i64,
) -> Result<(), BindError> {
    let written = sqlx::query!(
        r#"
        update idempotency_keys
           set subject_id = $5
         where principal = $1 and route = $2 and key = $3 and body_hash = $4
           and state = 'running' and (subject_id is null or subject_id = $5)
        "#,
        scope.principal,
        scope.route,
        scope.key,
        scope.body_hash,
        subject_id,
    )
    .execute(conn)
    .await?;
    if written.rows_affected() == 1 {
        Ok(())
    } else {
        Err(BindError::TakenOver)
    }
}

/// Stores the answer. The first one stays: an answer that a client may have seen never changes.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.idempotency.finish", skip_all, fields(route = scope.route))]
pub async fn finish(
    conn: &mut PgConnection,
    scope: &Scope<'_>,
    answer: &StoredAnswer,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update idempotency_keys
           set state = 'done', status = $5, headers = $6, body = $7
         where principal = $1 and route = $2 and key = $3 and body_hash = $4 and state = 'running'
        "#,
        scope.principal,
        scope.route,
        scope.key,
        scope.body_hash,
        i16::try_from(answer.status).unwrap_or(500),
        Json(&answer.headers) as _,
        &answer.body,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives the key back: nothing was committed, so the next request with it starts afresh. Does nothing once a
/// subject is bound or an answer stored.
///
/// # Errors
/// The database did not answer; the lease then runs out by itself.
#[tracing::instrument(name = "db.idempotency.abandon", skip_all, fields(route = scope.route))]
pub async fn abandon(conn: &mut PgConnection, scope: &Scope<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        delete from idempotency_keys
         where principal = $1 and route = $2 and key = $3 and body_hash = $4
           and state = 'running' and subject_id is null
        "#,
        scope.principal,
        scope.route,
        scope.key,
        scope.body_hash,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets keys from before `before`; returns how many.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.idempotency.prune", skip_all)]
pub async fn prune(pool: &PgPool, before: OffsetDateTime) -> Result<u64, sqlx::Error> {
    in_batches(async |most| {
        let gone = sqlx::query!(
            r#"
            delete from idempotency_keys
             where ctid = any(array(select ctid from idempotency_keys where created_at < $1 order by created_at limit $2))
               and created_at < $1
            "#,
            before,
            most,
        );
        Ok(gone.execute(pool).await?.rows_affected())
    })
    .await
}

/// In one transaction with the work, a second request waits on the first one's row: too long is "still running".
fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|e| e.code())
        .is_some_and(|code| code == "55P03")
}
