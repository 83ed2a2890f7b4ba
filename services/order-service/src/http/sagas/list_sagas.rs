//! `GET /admin/sagas`

use std::time::Duration;

use axum::extract::State;
use saga::{Filter, Status};
use serde::Deserialize;
use souk_http::{Caller, Checks, Json, Problem, ProblemBody, Query};
use types::{Page, Role};
use utoipa::IntoParams;
use wire::list::Pagination;
use wire::sagas::SagaList;

use super::view;
use crate::error::OrderError;
use crate::state::AppState;
use crate::store::fault;

/// Which sagas, and where the page begins.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub struct ListSagas {
    /// In this state only: running, parked, stuck, done, undone or diverted.
    state: Option<String>,
    /// Of this kind only: `checkout` or `cancellation`.
    name: Option<String>,
    /// Started at least so many seconds ago.
    #[param(value_type = Option<u32>)]
    #[serde(alias = "older_than")]
    older_than: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// 1 to 100.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
}

/// Sagas, newest first.
#[utoipa::path(get, path = "/admin/sagas", tag = "sagas", params(ListSagas),
    security(("bearer" = [])), extensions(("x-access" = json!("admin"))),
    responses(
        (status = 200, body = SagaList),
        (status = 400, body = ProblemBody, description = "invalid-cursor"),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden"),
        (status = 422, body = ProblemBody, description = "invalid-request")))]
#[tracing::instrument(name = "saga.list", skip_all)]
pub async fn list_sagas(
    State(app): State<AppState>,
    caller: Caller,
    Query(query): Query<ListSagas>,
) -> Result<Json<SagaList>, Problem> {
    caller.require(&[Role::Admin])?;
    let (mut filter, age, limit) = read(&query)?;
    let list = format!("sagas {filter:?} {age:?}");
    if let Some(cursor) = &query.cursor {
        filter.before = Some(app.cursors.decode(&list, cursor)?);
    }
    filter.started_by = age.map(|age| app.clock.now() - age);
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    // One more than is shown tells whether there is a next page.
    let mut sagas = saga::list(&mut conn, &filter, limit + 1)
        .await
        .map_err(OrderError::Saga)?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = sagas.len() > shown;
    sagas.truncate(shown);
    let last = sagas.last().map(|saga| saga.id).filter(|_| more);
    Ok(Json(SagaList {
        sagas: sagas.into_iter().map(view::summary).collect(),
        pagination: Pagination::by_cursor(limit, last.map(|id| app.cursors.encode(&list, &id))),
    }))
}

/// The filter, how old at least, and how many; or everything that is wrong with them.
fn read(query: &ListSagas) -> Result<(Filter, Option<Duration>, u32), Problem> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let mut checks = Checks::new();
    let state = given(&query.state).and_then(|word| checks.take("/query/state", word.parse::<Status>()));
    let age = given(&query.older_than).and_then(|seconds| {
        let seconds = seconds.parse::<u32>().map_err(|_| "is a whole number of seconds");
        checks.take("/query/olderThan", seconds)
    });
    let limit = match given(&query.limit) {
        None => Some(Page::DEFAULT_LIMIT),
        Some(text) => {
            let number = text.parse::<i64>().map_err(|_| "is a whole number");
            let number = checks.take("/query/limit", number);
            number.and_then(|number| checks.take("/query/limit", Page::limit_of(number)))
        }
    };
    checks.finish()?;
    let filter = Filter {
        name: given(&query.name),
        state,
        ..Filter::default()
    };
    let age = age.map(|seconds| Duration::from_secs(u64::from(seconds)));
    Ok((filter, age, limit.unwrap_or(Page::DEFAULT_LIMIT)))
}
