//! `POST /auth/logout`

use axum::extract::State;
use souk_http::{Json, Problem, ProblemBody};
use wire::Message;
use wire::users::HoldsRefreshToken;

use crate::domain::RevokedWhy;
use crate::error::UserError;
use crate::refresh_token::RefreshToken;
use crate::state::AppState;
use crate::store::sessions;

/// Signs out: ends the session of the refresh token.
///
/// Repeating it, or sending a token that opens nothing, gives the same answer.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = HoldsRefreshToken, security(()),
    extensions(("x-access" = json!("holder of a refresh token"))),
    responses((status = 200, body = Message), (status = 422, body = ProblemBody, description = "invalid-request")))]
#[tracing::instrument(name = "user.log_out", skip_all)]
pub async fn log_out(
    State(app): State<AppState>,
    Json(body): Json<HoldsRefreshToken>,
) -> Result<Json<Message>, Problem> {
    let token = RefreshToken::presented(&body.refresh_token);
    let mut tx = pg::begin(&app.db).await.map_err(UserError::store("begin"))?;
    let found = sessions::lock_by_token(&mut tx, &token).await?;
    if let Some(found) = &found {
        sessions::revoke(&mut tx, found.session, RevokedWhy::Logout, app.clock.now()).await?;
    }
    tx.commit().await.map_err(UserError::store("commit"))?;
    if let Some(found) = found {
        app.tell_ended(&[found.session]).await;
    }
    let message = "Signed out.".to_owned();
    Ok(Json(Message { message }))
}
