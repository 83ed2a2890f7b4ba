//! `POST /admin/jobs/{id}/requeue`

use axum::extract::State;
use souk_http::{FreshCaller, Json, PathId, Problem, ProblemBody};
use types::Role;
use wire::jobs::Job;

use super::view;
use crate::ops::tend;
use crate::state::AppState;

/// Lets a dead job wait again, with all its attempts: once its cause is mended.
///
/// Asked twice, the second is refused: the job is not dead any more.
#[utoipa::path(post, path = "/admin/jobs/{id}/requeue", tag = "jobs",
    params(("id" = i64, Path, description = "The job")),
    security(("bearer" = [])), extensions(("x-access" = json!("admin"))),
    responses(
        (status = 200, body = Job),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden"),
        (status = 404, body = ProblemBody, description = "job-not-found"),
        (status = 409, body = ProblemBody, description = "job-not-dead, job-replaced")))]
#[tracing::instrument(name = "job.requeue", skip_all, fields(job.id = id))]
pub async fn requeue_job(
    State(app): State<AppState>,
    FreshCaller(caller): FreshCaller,
    PathId(id): PathId<i64>,
) -> Result<Json<Job>, Problem> {
    caller.require(&[Role::Admin])?;
    let job = tend::requeue(&app.db, id, app.clock.now()).await?;
    app.queues.nudge();
    tracing::info!(job.id = id, admin.id = %caller.id, "a dead job was requeued");
    Ok(Json(view::job(job)))
}
