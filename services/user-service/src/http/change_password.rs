//! `PUT /users/password`

use axum::extract::State;
use souk_http::{Checks, FreshCaller, Json, Problem, ProblemBody};
use types::Email;
use wire::Message;
use wire::users::ChangePassword;

use crate::domain::{Password, Refusal, RevokedWhy};
use crate::error::UserError;
use crate::state::AppState;
use crate::store::{sessions, users};

/// Changes the caller's password and ends all of the caller's other sessions.
///
/// A wrong current password is named at `/currentPassword` (422).
#[utoipa::path(put, path = "/users/password", tag = "users", request_body = ChangePassword,
    security(("bearer" = [])), extensions(("x-access" = json!("signed-in"))),
    responses(
        (status = 200, body = Message),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 422, body = ProblemBody, description = "invalid-request"),
        (status = 503, body = ProblemBody, description = "busy")))]
#[tracing::instrument(name = "user.change_password", skip_all, fields(user.id = %caller.id))]
pub async fn change_password(
    State(app): State<AppState>,
    FreshCaller(caller): FreshCaller,
    Json(body): Json<ChangePassword>,
) -> Result<Json<Message>, Problem> {
    let mut conn = app
        .db
        .acquire()
        .await
        .map_err(UserError::store("reach the database"))?;
    let account = users::by_id(&mut conn, caller.id).await?;
    let stored = users::password_hash(&mut conn, caller.id).await?;
    drop(conn);
    let mut checks = Checks::new();
    let email = Email::parse(&account.email).ok();
    let new = checks.take(
        "/newPassword",
        app.password_rules.check(&body.new_password, email.as_ref()),
    );
    let current = Password::typed(&body.current_password);
    if !app.hasher.verify(current, Some(stored.clone())).await? {
        checks.refuse("/currentPassword", "is not the current password");
    }
    checks.finish()?;
    let Some(new) = new else {
        return Err(Problem::fault("a value was refused without a word"));
    };
    let hash = app.hasher.hash(new).await?;

    let mut tx = pg::begin(&app.db).await.map_err(UserError::store("begin"))?;
    if !users::replace_hash(&mut tx, caller.id, &stored, &hash).await? {
        return Err(Refusal::InvalidCredentials.into()); // another change was faster
    }
    let keep = caller.session.parse().ok();
    let now = app.clock.now();
    let ended = sessions::revoke_all(&mut tx, caller.id, keep, RevokedWhy::Password, now).await?;
    tx.commit().await.map_err(UserError::store("commit"))?;
    app.tell_ended(&ended).await;
    tracing::info!(user.id = %caller.id, "the password was changed");
    let message = "The password was changed; all other sessions were ended.".to_owned();
    Ok(Json(Message { message }))
}
