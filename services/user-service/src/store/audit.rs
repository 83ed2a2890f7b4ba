//! The books: whether sessions can go on, and whether somebody signs.

use pg::audit::Tally;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::UserError;

/// Standing sessions, and those without the one refresh token that can be used (AUT-7).
#[tracing::instrument(name = "db.audit.sessions", skip_all)]
pub async fn sessions(conn: &mut PgConnection) -> Result<Tally, UserError> {
    sqlx::query_as!(
        Tally,
        r#"
        with standing as (
            select s.id, (select count(*) from refresh_tokens t where t.session_id = s.id and t.used_at is null) as usable
              from sessions s
             where s.revoked_at is null
        )
        select count(*) as "checked!", count(*) filter (where usable <> 1) as "broken!",
               coalesce((array_agg(format('session %s has %s usable refresh tokens', id, usable) order by id)
                         filter (where usable <> 1))[1:5], '{}') as "first!"
          from standing
        "#,
    )
    .fetch_one(conn)
    .await
    .map_err(UserError::store("audit sessions"))
}

/// Whether there is a key that signs at `now`, once there are keys at all (AUT-5).
#[tracing::instrument(name = "db.audit.keys", skip_all)]
pub async fn keys(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Tally, UserError> {
    sqlx::query_as!(
        Tally,
        r#"
        with judged as (select count(*) as keys, count(*) > 0 and not bool_or(signs_from <= $1) as wrong from signing_keys)
        select keys as "checked!", case when wrong then 1 else 0 end::bigint as "broken!",
               case when wrong then array['none of the keys signs yet'] else '{}' end as "first!"
          from judged
        "#,
        now,
    )
    .fetch_one(conn)
    .await
    .map_err(UserError::store("audit the keys"))
}
