//! `POST /auth/refresh`

use axum::extract::State;
use axum::response::IntoResponse;
use souk_http::{Json, Problem, ProblemBody};
use sqlx::PgConnection;
use time::OffsetDateTime;
use wire::users::{HoldsRefreshToken, Tokens};

use super::NO_STORE;
use crate::domain::{Refusal, RevokedWhy, Use};
use crate::error::UserError;
use crate::ops::issue::{Session, issue};
use crate::refresh_token::RefreshToken;
use crate::state::AppState;
use crate::store::sessions::{self, Found};
use crate::store::users;

/// Goes on with a session: a new access token and the next refresh token.
///
/// A refresh token is used once. Presented again within ten seconds it is answered with the same successor, so
/// that a lost answer or two tabs harm nobody; later it is taken for stolen, and the whole session ends.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = HoldsRefreshToken, security(()),
    extensions(("x-access" = json!("holder of a refresh token"))),
    responses(
        (status = 200, body = Tokens),
        (status = 401, body = ProblemBody, description = "invalid-refresh-token"),
        (status = 422, body = ProblemBody, description = "invalid-request")))]
#[tracing::instrument(name = "user.refresh", skip_all)]
pub async fn refresh_tokens(
    State(app): State<AppState>,
    Json(body): Json<HoldsRefreshToken>,
) -> Result<impl IntoResponse, Problem> {
    let token = RefreshToken::presented(&body.refresh_token);
    let now = app.clock.now();
    // Before the transaction: it may need a connection of its own.
    let signer = app.keyring.signer().await?;
    let mut tx = pg::begin(&app.db).await.map_err(UserError::store("begin"))?;
    let Some(found) = sessions::lock_by_token(&mut tx, &token).await? else {
        return Err(Refusal::InvalidRefreshToken.into());
    };
    let next = match app.lifetimes.judge(&found.presented, now) {
        Use::Rotate(expires_at) => rotate(&app, &mut tx, &found, &token, expires_at, now).await?,
        Use::Repeat => successor(&app, &mut tx, &found, &token).await?,
        Use::Reuse => {
            sessions::revoke(&mut tx, found.session, RevokedWhy::Reuse, now).await?;
            tx.commit().await.map_err(UserError::store("commit"))?;
            app.tell_ended(&[found.session]).await;
            metrics::counter!("refresh_token_reuse_total", "service" => crate::NAME).increment(1);
            tracing::warn!(user.id = %found.user, session.id = %found.session,
                "a used refresh token came back; its session was ended");
            return Err(Refusal::InvalidRefreshToken.into());
        }
        Use::Dead => return Err(Refusal::InvalidRefreshToken.into()),
    };
    let account = users::by_id(&mut tx, found.user).await?;
    tx.commit().await.map_err(UserError::store("commit"))?;
    let session = Session {
        id: found.session,
        absolute_expires_at: found.presented.absolute_expires_at,
    };
    Ok((NO_STORE, Json(issue(&app, &signer, session, account, next, now)?)))
}

/// The first use: writes the successor.
async fn rotate(
    app: &AppState,
    conn: &mut PgConnection,
    found: &Found,
    token: &RefreshToken,
    expires_at: OffsetDateTime,
    now: OffsetDateTime,
) -> Result<RefreshToken, UserError> {
    let next = token.successors(&app.refresh_key).next();
    let next = next.ok_or_else(|| UserError::Hash("no key derives refresh tokens".to_owned()))?;
    sessions::use_token(conn, found.session, token, expires_at, now).await?;
    sessions::add_token(conn, found.session, &next, now).await?;
    Ok(next)
}

/// A repeated use: derives the successor that the first one wrote. It is refused, and nothing ends, where the
/// secrets were replaced in between.
async fn successor(
    app: &AppState,
    conn: &mut PgConnection,
    found: &Found,
    token: &RefreshToken,
) -> Result<RefreshToken, UserError> {
    for next in token.successors(&app.refresh_key) {
        if sessions::knows(conn, found.session, &next).await? {
            return Ok(next);
        }
    }
    Err(Refusal::InvalidRefreshToken.into())
}
