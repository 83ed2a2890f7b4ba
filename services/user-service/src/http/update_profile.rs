//! `PUT /users/profile`

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::ETAG;
use souk_http::{Caller, Checks, IfMatch, Json, Problem, ProblemBody, etag_of_version};
use wire::users::{UpdateProfile, User};

use crate::domain::{self, Profile};
use crate::error::UserError;
use crate::state::AppState;
use crate::store::users;

/// Changes names and telephone number of the caller's own account.
///
/// What is left out stays as it is; an empty text removes a value; whatever else is sent changes nothing. With
/// `If-Match`, only the version that it names is changed (412).
#[utoipa::path(put, path = "/users/profile", tag = "users", request_body = UpdateProfile,
    security(("bearer" = [])), extensions(("x-access" = json!("signed-in"))),
    responses(
        (status = 200, body = User),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 412, body = ProblemBody, description = "precondition-failed"),
        (status = 422, body = ProblemBody, description = "invalid-request")))]
#[tracing::instrument(name = "user.update_profile", skip_all, fields(user.id = %caller.id))]
pub async fn update_profile(
    State(app): State<AppState>,
    caller: Caller,
    if_match: IfMatch,
    Json(body): Json<UpdateProfile>,
) -> Result<impl IntoResponse, Problem> {
    let mut checks = Checks::new();
    let first_name = body
        .first_name
        .map(|t| checks.take("/firstName", domain::name(&t)).flatten());
    let last_name = body
        .last_name
        .map(|t| checks.take("/lastName", domain::name(&t)).flatten());
    let phone = body
        .phone
        .map(|t| checks.take("/phone", domain::phone(&t)).flatten());
    checks.finish()?;

    let mut tx = pg::begin(&app.db).await.map_err(UserError::store("begin"))?;
    let mut account = users::lock(&mut tx, caller.id).await?;
    if_match.check(&etag_of_version(account.version))?;
    let profile = Profile {
        first_name: first_name.unwrap_or_else(|| account.profile.first_name.clone()),
        last_name: last_name.unwrap_or_else(|| account.profile.last_name.clone()),
        phone: phone.unwrap_or_else(|| account.profile.phone.clone()),
    };
    if profile != account.profile {
        account = users::save_profile(&mut tx, caller.id, &profile, app.clock.now()).await?;
    }
    tx.commit().await.map_err(UserError::store("commit"))?;
    let tag = etag_of_version(account.version);
    Ok(([(ETAG, tag)], Json(User::from(account))))
}
