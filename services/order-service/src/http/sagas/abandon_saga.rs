//! `POST /admin/sagas/{id}/abandon`

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use saga::Intervention;
use souk_http::{FreshCaller, KeyedJson, PathId, Problem, ProblemBody};
use wire::sagas::{Intervene, SagaDetail};

use crate::state::AppState;

/// Gives up the way forward of a saga that is stuck: takes everything back while nothing was paid, and refunds after it.
///
/// Who did it and why is kept in the timeline for good. Refused where it was given up already.
#[utoipa::path(post, path = "/admin/sagas/{id}/abandon", tag = "sagas", request_body = Intervene,
    params(("id" = i64, Path, description = "The saga"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request repeats the answer")),
    security(("bearer" = [])), extensions(("x-access" = json!("admin"))),
    responses(
        (status = 200, body = SagaDetail),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden"),
        (status = 404, body = ProblemBody, description = "saga-not-found"),
        (status = 409, body = ProblemBody, description = "illegal-intervention, idempotency-in-progress"),
        (status = 422, body = ProblemBody, description = "invalid-request, idempotency-mismatch")))]
#[tracing::instrument(name = "saga.abandon", skip_all, fields(saga.id = id))]
pub async fn abandon_saga(
    State(app): State<AppState>,
    FreshCaller(caller): FreshCaller,
    PathId(id): PathId<i64>,
    headers: HeaderMap,
    body: KeyedJson<Intervene>,
) -> Result<Response, Problem> {
    let what = (id, Intervention::Abandon, "POST /admin/sagas/{id}/abandon");
    super::answer(&app, &caller, &headers, what, body).await
}
