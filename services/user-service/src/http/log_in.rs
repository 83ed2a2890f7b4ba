//! `POST /auth/login`

use axum::extract::State;
use axum::response::IntoResponse;
use http::HeaderMap;
use http::header::USER_AGENT;
use souk_http::{Json, Problem, ProblemBody, network_of};
use time::OffsetDateTime;
use types::{Email, UserId};
use uuid::Uuid;
use wire::users::{Login, Tokens};

use super::NO_STORE;
use crate::domain::{Account, Password, Refusal};
use crate::error::UserError;
use crate::ops::issue::{Session, issue};
use crate::refresh_token::RefreshToken;
use crate::state::AppState;
use crate::store::sessions::NewSession;
use crate::store::{sessions, users};

/// How much of a `User-Agent` is kept, in characters.
const USER_AGENT_KEPT: usize = 200;

/// Signs in: opens a session and answers with its tokens.
///
/// A wrong password and an unknown address are refused with the same `invalid-credentials`, after the same work.
/// `busy` when more passwords wait to be checked than may.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Login, security(()),
    extensions(("x-access" = json!("anyone"))),
    responses(
        (status = 200, body = Tokens),
        (status = 401, body = ProblemBody, description = "invalid-credentials"),
        (status = 422, body = ProblemBody, description = "invalid-request"),
        (status = 503, body = ProblemBody, description = "busy")))]
#[tracing::instrument(name = "user.log_in", skip_all)]
pub async fn log_in(
    State(app): State<AppState>,
    headers: HeaderMap,
    Json(body): Json<Login>,
) -> Result<impl IntoResponse, Problem> {
    let known = match Email::parse(&body.email) {
        Ok(email) => {
            let mut conn = app
                .db
                .acquire()
                .await
                .map_err(UserError::store("reach the database"))?;
            users::by_email(&mut conn, &email).await?
        }
        Err(_) => None,
    };
    let (user, stored) = known.unzip();
    let password = Password::typed(&body.password);
    let right = app.hasher.verify(password.clone(), stored.clone()).await?;
    let (Some(user), Some(stored), Some(password), true) = (user, stored, password, right) else {
        metrics::counter!("sign_ins_total", "service" => crate::NAME, "result" => "refused").increment(1);
        return Err(Refusal::InvalidCredentials.into());
    };
    let stored = renew_hash(&app, user, stored, password).await?;
    // First, so that no session stays open that nobody got tokens for.
    let signer = app.keyring.signer().await?;
    let (account, session, refresh) = open_session(&app, user, &stored, &headers).await?;
    let tokens = issue(&app, &signer, session, account, refresh, app.clock.now())?;
    metrics::counter!("sign_ins_total", "service" => crate::NAME, "result" => "ok").increment(1);
    tracing::info!(user.id = %user, session.id = %session.id, "signed in");
    Ok((NO_STORE, Json(tokens)))
}

/// Hashes the password anew where `stored` was made in another way than hashes are now (AUT-4). When there is no
/// room for that, the next sign-in does it.
async fn renew_hash(
    app: &AppState,
    user: UserId,
    stored: String,
    password: Password,
) -> Result<String, UserError> {
    if !app.hasher.is_outdated(&stored) || !app.hasher.can_hash(&password) {
        return Ok(stored);
    }
    let new = match app.hasher.hash(password).await {
        Ok(new) => new,
        Err(UserError::Busy) => return Ok(stored),
        Err(error) => return Err(error),
    };
    let mut conn = app
        .db
        .acquire()
        .await
        .map_err(UserError::store("reach the database"))?;
    Ok(if users::replace_hash(&mut conn, user, &stored, &new).await? {
        new
    } else {
        stored
    })
}

async fn open_session(
    app: &AppState,
    user: UserId,
    verified_hash: &str,
    headers: &HeaderMap,
) -> Result<(Account, Session, RefreshToken), UserError> {
    let now: OffsetDateTime = app.clock.now();
    let refresh = RefreshToken::random()?;
    let absolute_expires_at = now + app.lifetimes.absolute;
    let id = Uuid::now_v7();
    let (user_agent, ip_prefix) = (user_agent(headers), network_of(headers));
    let mut tx = pg::begin(&app.db).await.map_err(UserError::store("begin"))?;
    // The password may have changed since it was verified; that ended all sessions, so none may start now.
    let Some(account) = users::hold_password(&mut tx, user, verified_hash).await? else {
        return Err(Refusal::InvalidCredentials.into());
    };
    let new = NewSession {
        id,
        user,
        user_agent: user_agent.as_deref(),
        ip_prefix: ip_prefix.as_deref(),
        expires_at: app.lifetimes.expiry(absolute_expires_at, now),
        absolute_expires_at,
    };
    sessions::insert(&mut tx, new, now).await?;
    sessions::add_token(&mut tx, id, &refresh, now).await?;
    tx.commit().await.map_err(UserError::store("commit"))?;
    let session = Session {
        id,
        absolute_expires_at,
    };
    Ok((account, session, refresh))
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(USER_AGENT_KEPT).collect())
}
