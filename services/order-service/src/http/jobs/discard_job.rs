//! `DELETE /admin/jobs/{id}`

use axum::extract::State;
use http::StatusCode;
use souk_http::{FreshCaller, PathId, Problem, ProblemBody};
use types::Role;

use crate::ops::tend;
use crate::state::AppState;

/// Forgets a dead job that nobody will requeue.
#[utoipa::path(delete, path = "/admin/jobs/{id}", tag = "jobs",
    params(("id" = i64, Path, description = "The job")),
    security(("bearer" = [])), extensions(("x-access" = json!("admin"))),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden"),
        (status = 404, body = ProblemBody, description = "job-not-found"),
        (status = 409, body = ProblemBody, description = "job-not-dead")))]
#[tracing::instrument(name = "job.discard", skip_all, fields(job.id = id))]
pub async fn discard_job(
    State(app): State<AppState>,
    FreshCaller(caller): FreshCaller,
    PathId(id): PathId<i64>,
) -> Result<StatusCode, Problem> {
    caller.require(&[Role::Admin])?;
    tend::discard(&app.db, id).await?;
    tracing::info!(job.id = id, admin.id = %caller.id, "a dead job was discarded");
    Ok(StatusCode::NO_CONTENT)
}
