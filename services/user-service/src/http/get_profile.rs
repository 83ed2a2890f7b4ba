//! `GET /users/profile`

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use souk_http::{Caller, Problem, ProblemBody, etag_of_version, fresh_or};
use wire::users::User;

use crate::error::UserError;
use crate::state::AppState;
use crate::store::users;

/// The caller's own account.
#[utoipa::path(get, path = "/users/profile", tag = "users", security(("bearer" = [])),
    extensions(("x-access" = json!("signed-in"))),
    responses(
        (status = 200, body = User),
        (status = 304, description = "The client has it already"),
        (status = 401, body = ProblemBody, description = "unauthenticated")))]
#[tracing::instrument(name = "user.get_profile", skip_all, fields(user.id = %caller.id))]
pub async fn get_profile(
    State(app): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut conn = app
        .db
        .acquire()
        .await
        .map_err(UserError::store("reach the database"))?;
    let account = users::by_id(&mut conn, caller.id).await?;
    let tag = etag_of_version(account.version);
    fresh_or(&headers, Some(tag), "private, no-cache", &User::from(account))
}
