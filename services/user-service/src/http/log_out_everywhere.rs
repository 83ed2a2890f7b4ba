//! `POST /auth/logout-all`

use axum::extract::State;
use souk_http::{FreshCaller, Json, Problem, ProblemBody};
use wire::Message;

use crate::domain::RevokedWhy;
use crate::error::UserError;
use crate::state::AppState;
use crate::store::sessions;

/// Signs out everywhere: ends all of the caller's sessions, this one too.
#[utoipa::path(post, path = "/auth/logout-all", tag = "auth", security(("bearer" = [])),
    extensions(("x-access" = json!("signed-in"))),
    responses((status = 200, body = Message), (status = 401, body = ProblemBody, description = "unauthenticated")))]
#[tracing::instrument(name = "user.log_out_everywhere", skip_all, fields(user.id = %caller.id))]
pub async fn log_out_everywhere(
    State(app): State<AppState>,
    FreshCaller(caller): FreshCaller,
) -> Result<Json<Message>, Problem> {
    let mut conn = app
        .db
        .acquire()
        .await
        .map_err(UserError::store("reach the database"))?;
    let now = app.clock.now();
    let ended = sessions::revoke_all(&mut conn, caller.id, None, RevokedWhy::LogoutAll, now).await?;
    drop(conn);
    app.tell_ended(&ended).await;
    let message = match ended.len() {
        1 => "Signed out of 1 session.".to_owned(),
        many => format!("Signed out of {many} sessions."),
    };
    Ok(Json(Message { message }))
}
