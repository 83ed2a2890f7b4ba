//! `GET /admin/jobs/{id}`

use axum::extract::State;
use souk_http::{Caller, Json, PathId, Problem, ProblemBody};
use types::Role;
use wire::jobs::Job;

use super::view;
use crate::ops::tend;
use crate::state::AppState;

/// One job: how it stands, and what its latest attempt said. What is done is gone.
#[utoipa::path(get, path = "/admin/jobs/{id}", tag = "jobs",
    params(("id" = i64, Path, description = "The job")),
    security(("bearer" = [])), extensions(("x-access" = json!("admin"))),
    responses(
        (status = 200, body = Job),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden"),
        (status = 404, body = ProblemBody, description = "job-not-found")))]
#[tracing::instrument(name = "job.get", skip_all, fields(job.id = id))]
pub async fn get_job(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<i64>,
) -> Result<Json<Job>, Problem> {
    caller.require(&[Role::Admin])?;
    Ok(Json(view::job(tend::find(&app.db, id).await?)))
}
