//! `GET /admin/sagas/{id}`

use axum::extract::State;
use souk_http::{Caller, Json, PathId, Problem, ProblemBody};
use types::Role;
use wire::sagas::SagaDetail;

use super::view;
use crate::ops::intervene;
use crate::state::AppState;

/// One saga: how it stands, everything it did, and what can be done to it.
#[utoipa::path(get, path = "/admin/sagas/{id}", tag = "sagas",
    params(("id" = i64, Path, description = "The saga")),
    security(("bearer" = [])), extensions(("x-access" = json!("admin"))),
    responses(
        (status = 200, body = SagaDetail),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden"),
        (status = 404, body = ProblemBody, description = "saga-not-found")))]
#[tracing::instrument(name = "saga.get", skip_all, fields(saga.id = id))]
pub async fn get_saga(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<i64>,
) -> Result<Json<SagaDetail>, Problem> {
    caller.require(&[Role::Admin])?;
    Ok(Json(view::detail(&intervene::find(&app.db, id).await?)))
}
