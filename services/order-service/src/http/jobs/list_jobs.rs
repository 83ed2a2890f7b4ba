//! `GET /admin/jobs`

use axum::extract::State;
use pg::jobs::{self, Filter, State as JobState};
use serde::Deserialize;
use souk_http::{Caller, Checks, Json, Problem, ProblemBody, Query};
use types::{Page, Role};
use utoipa::IntoParams;
use wire::jobs::JobList;
use wire::list::Pagination;

use super::view;
use crate::state::AppState;
use crate::store::fault;

/// Which jobs, and where the page begins.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListJobs {
    /// In this state only: waiting, running, done or dead.
    state: Option<String>,
    /// Of this queue only, such as `mail`.
    queue: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// 1 to 100.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
}

/// What the queues hold, and jobs, the latest first. What is done is gone, unless it is kept.
#[utoipa::path(get, path = "/admin/jobs", tag = "jobs", params(ListJobs),
    security(("bearer" = [])), extensions(("x-access" = json!("admin"))),
    responses(
        (status = 200, body = JobList),
        (status = 400, body = ProblemBody, description = "invalid-cursor"),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden"),
        (status = 422, body = ProblemBody, description = "invalid-request")))]
#[tracing::instrument(name = "job.list", skip_all)]
pub async fn list_jobs(
    State(app): State<AppState>,
    caller: Caller,
    Query(query): Query<ListJobs>,
) -> Result<Json<JobList>, Problem> {
    caller.require(&[Role::Admin])?;
    let (mut filter, limit) = read(&query)?;
    let list = format!("jobs {filter:?}");
    if let Some(cursor) = &query.cursor {
        filter.before = Some(app.cursors.decode(&list, cursor)?);
    }
    let now = app.clock.now();
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    let queues = jobs::depths(&mut conn, now).await.map_err(fault("count jobs"))?;
    // One more than is shown tells whether there is a next page.
    let mut found = jobs::list(&mut conn, filter, i64::from(limit) + 1)
        .await
        .map_err(fault("list jobs"))?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > shown;
    found.truncate(shown);
    let last = found.last().map(|job| job.id).filter(|_| more);
    Ok(Json(JobList {
        queues: queues.into_iter().map(|queue| view::depth(queue, now)).collect(),
        jobs: found.into_iter().map(view::job).collect(),
        pagination: Pagination::by_cursor(limit, last.map(|id| app.cursors.encode(&list, &id))),
    }))
}

/// The filter, and how many; or everything that is wrong with them.
fn read(query: &ListJobs) -> Result<(Filter<'_>, u32), Problem> {
    fn given(text: &Option<String>) -> Option<&str> {
        text.as_deref().filter(|text| !text.is_empty())
    }
    let mut checks = Checks::new();
    let state = given(&query.state).and_then(|word| checks.take("/query/state", word.parse::<JobState>()));
    let limit = given(&query.limit).and_then(|text| {
        let number = text.parse::<i64>().map_err(|_| "is a whole number");
        let number = checks.take("/query/limit", number)?;
        checks.take("/query/limit", Page::limit_of(number))
    });
    checks.finish()?;
    let filter = Filter {
        state,
        queue: given(&query.queue),
        before: None,
    };
    Ok((filter, limit.unwrap_or(Page::DEFAULT_LIMIT)))
}
