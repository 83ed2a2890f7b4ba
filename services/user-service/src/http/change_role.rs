//! `PUT /users/{id}/role`

use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::ETAG;
use souk_http::{FreshCaller, IfMatch, Json, PathId, Problem, ProblemBody, etag_of_version};
use types::{Role, UserId};
use wire::users::{ChangeRole, User};

use crate::domain::RevokedWhy;
use crate::error::UserError;
use crate::state::AppState;
use crate::store::{sessions, users};

/// Gives an account another role and ends all its sessions, so that no token speaks for the old one for long.
///
/// The same role again changes nothing and ends nothing.
#[utoipa::path(put, path = "/users/{id}/role", tag = "users", params(("id" = UserId, Path)),
    request_body = ChangeRole, security(("bearer" = [])), extensions(("x-access" = json!("admin"))),
    responses(
        (status = 200, body = User),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden"),
        (status = 404, body = ProblemBody, description = "user-not-found"),
        (status = 412, body = ProblemBody, description = "precondition-failed"),
        (status = 422, body = ProblemBody, description = "invalid-request")))]
#[tracing::instrument(name = "user.change_role", skip_all, fields(user.id = %id, admin.id = %caller.id))]
pub async fn change_role(
    State(app): State<AppState>,
    FreshCaller(caller): FreshCaller,
    PathId(id): PathId<UserId>,
    if_match: IfMatch,
    body: Bytes,
) -> Result<impl IntoResponse, Problem> {
    caller.require(&[Role::Admin])?;
    // Read only now: whoever may not do this learns nothing of what it takes.
    let Json(body) = Json::<ChangeRole>::from_bytes(&body)?;
    let role: Role = body
        .role
        .parse()
        .map_err(|why| Problem::invalid_at("/role", why))?;
    let mut tx = pg::begin(&app.db).await.map_err(UserError::store("begin"))?;
    let mut account = users::lock(&mut tx, id).await?;
    let mut ended = Vec::new();
    if_match.check(&etag_of_version(account.version))?;
    if account.role != role {
        let (now, was) = (app.clock.now(), account.role.name());
        account = users::save_role(&mut tx, id, role, now).await?;
        ended = sessions::revoke_all(&mut tx, id, None, RevokedWhy::Role, now).await?;
        tracing::info!(user.id = %id, admin.id = %caller.id, was, now = role.name(), "a role was changed");
    }
    tx.commit().await.map_err(UserError::store("commit"))?;
    app.tell_ended(&ended).await;
    let tag = etag_of_version(account.version);
    Ok(([(ETAG, tag)], Json(User::from(account))))
}
