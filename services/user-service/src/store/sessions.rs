//! The tables `sessions` and `refresh_tokens`.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::UserId;
use uuid::Uuid;

use crate::domain::{Presented, RevokedWhy};
use crate::error::UserError;
use crate::refresh_token::RefreshToken;

/// How many sessions one statement prunes.
const BATCH: i64 = 1_000;

/// What a new session starts with.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Its id, also its family's.
    pub id: Uuid,
    /// Who signed in.
    pub user: UserId,
    /// With what, as the client says.
    pub user_agent: Option<&'a str>,
    /// From which network.
    pub ip_prefix: Option<&'a str>,
    /// When it ends unless it is refreshed.
    pub expires_at: OffsetDateTime,
    /// When it ends for good.
    pub absolute_expires_at: OffsetDateTime,
}

/// A session, found by one of its refresh tokens.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Its id.
    pub session: Uuid,
    /// Whose it is.
    pub user: UserId,
    /// The token and the session's ends.
    pub presented: Presented,
}

/// Opens a session.
#[tracing::instrument(name = "db.sessions.insert", skip_all, fields(session.id = %new.id))]
pub async fn insert(
    conn: &mut PgConnection,
    new: NewSession<'_>,
    now: OffsetDateTime,
) -> Result<(), UserError> {
    sqlx::query!(
        r#"
        insert into sessions (id, user_id, user_agent, ip_prefix, created_at, last_used_at, expires_at,
                              absolute_expires_at)
        values ($1, $2, $3, $4, $5, $5, $6, $7)
        "#,
        new.id,
        new.user.get(),
        new.user_agent,
        new.ip_prefix,
        now,
        new.expires_at,
        new.absolute_expires_at,
    )
    .execute(conn)
    .await
    .map_err(UserError::store("open a session"))?;
    Ok(())
}

/// Adds the session's next token.
#[tracing::instrument(name = "db.refresh_tokens.insert", skip_all, fields(session.id = %session))]
pub async fn add_token(
    conn: &mut PgConnection,
    session: Uuid,
    token: &RefreshToken,
    now: OffsetDateTime,
) -> Result<(), UserError> {
    sqlx::query!(
        r#"insert into refresh_tokens (hash, session_id, created_at) values ($1, $2, $3)"#,
        token.hash(),
        session,
        now
    )
    .execute(conn)
    .await
    .map_err(UserError::store("add a refresh token"))?;
    Ok(())
}

/// The session that `token` belongs to. Both are locked until the transaction ends, so that of all who present
/// one token at once each sees what the one before did.
#[tracing::instrument(name = "db.sessions.lock_by_token", skip_all)]
pub async fn lock_by_token(
    conn: &mut PgConnection,
    token: &RefreshToken,
) -> Result<Option<Found>, UserError> {
    let row = sqlx::query!(
        r#"
        select s.id, s.user_id, s.expires_at, s.absolute_expires_at, s.revoked_at, t.used_at
          from sessions s
          join refresh_tokens t on t.session_id = s.id
         where t.hash = $1
           for update
        "#,
        token.hash()
    )
    .fetch_optional(conn)
    .await
    .map_err(UserError::store("find a session by its token"))?;
    row.map(|row| {
        Ok(Found {
            session: row.id,
            user: UserId::new(row.user_id).map_err(|_| UserError::Corrupt("id"))?,
            presented: Presented {
                used_at: row.used_at,
                expires_at: row.expires_at,
                absolute_expires_at: row.absolute_expires_at,
                revoked: row.revoked_at.is_some(),
            },
        })
    })
    .transpose()
}

/// Marks `token` as used and moves its session's end to `expires_at`.
#[tracing::instrument(name = "db.sessions.use_token", skip_all, fields(session.id = %session))]
pub async fn use_token(
    conn: &mut PgConnection,
    session: Uuid,
    token: &RefreshToken,
    expires_at: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<(), UserError> {
    sqlx::query!(
        r#"
        with used as (update refresh_tokens set used_at = $3 where hash = $2)
        update sessions set last_used_at = $3, expires_at = $4 where id = $1
        "#,
        session,
        token.hash(),
        now,
        expires_at
    )
    .execute(conn)
    .await
    .map_err(UserError::store("use a refresh token"))?;
    Ok(())
}

/// Whether the session knows `token`.
#[tracing::instrument(name = "db.refresh_tokens.exists", skip_all, fields(session.id = %session))]
pub async fn knows(conn: &mut PgConnection, session: Uuid, token: &RefreshToken) -> Result<bool, UserError> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from refresh_tokens where hash = $1 and session_id = $2) as "known!""#,
        token.hash(),
        session
    )
    .fetch_one(conn)
    .await
    .map_err(UserError::store("look a refresh token up"))
}

/// Ends the session, if it stands.
#[tracing::instrument(name = "db.sessions.revoke", skip_all, fields(session.id = %session))]
pub async fn revoke(
    conn: &mut PgConnection,
    session: Uuid,
    why: RevokedWhy,
    now: OffsetDateTime,
) -> Result<(), UserError> {
    sqlx::query!(
        r#"update sessions set revoked_at = $2, revoked_why = $3 where id = $1 and revoked_at is null"#,
        session,
        now,
        why.name()
    )
    .execute(conn)
    .await
    .map_err(UserError::store("end a session"))?;
    Ok(())
}

/// Ends all sessions of `user` that stand, but for `keep`; which.
#[tracing::instrument(name = "db.sessions.revoke_all", skip_all, fields(user.id = %user))]
pub async fn revoke_all(
    conn: &mut PgConnection,
    user: UserId,
    keep: Option<Uuid>,
    why: RevokedWhy,
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, UserError> {
    sqlx::query_scalar!(
        r#"
        update sessions set revoked_at = $3, revoked_why = $4
         where user_id = $1 and revoked_at is null and id is distinct from $2
        returning id
        "#,
        user.get(),
        keep,
        now,
        why.name()
    )
    .fetch_all(conn)
    .await
    .map_err(UserError::store("end all sessions of a user"))
}

/// Whether the session stands.
#[tracing::instrument(name = "db.sessions.stands", skip_all, fields(session.id = %session))]
pub async fn stands(conn: &mut PgConnection, session: Uuid, now: OffsetDateTime) -> Result<bool, UserError> {
    sqlx::query_scalar!(
        r#"
        select exists (
            select 1 from sessions where id = $1 and revoked_at is null and expires_at > $2
        ) as "stands!"
        "#,
        session,
        now
    )
    .fetch_one(conn)
    .await
    .map_err(UserError::store("check a session"))
}

/// Forgets sessions that ended before `before`, their tokens with them; how many.
#[tracing::instrument(name = "db.sessions.prune", skip_all)]
pub async fn prune(conn: &mut PgConnection, before: OffsetDateTime) -> Result<u64, UserError> {
    let pruned = sqlx::query!(
        r#"
        delete from sessions
         where id in (
            select id from sessions where expires_at < $1 or revoked_at < $1 limit $2 for update skip locked
         )
        "#,
        before,
        BATCH
    )
    .execute(conn)
    .await
    .map_err(UserError::store("forget ended sessions"))?;
    Ok(pruned.rows_affected())
}
