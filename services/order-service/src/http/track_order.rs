//! `PUT /orders/{id}/tracking`

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::ETAG;
use souk_http::{Caller, Checks, IfMatch, Json, PathId, Problem, ProblemBody, etag_of_version};
use types::OrderId;
use wire::orders::Tracking;

use super::view;
use crate::ops::fulfil;
use crate::state::AppState;

/// Records how to follow the parcel, while the order is processing or shipped. Moves no status.
#[utoipa::path(put, path = "/orders/{id}/tracking", tag = "orders", request_body = Tracking,
    params(("id" = i64, Path, description = "The order")),
    security(("bearer" = [])), extensions(("x-access" = json!("seller of a line, admin"))),
    responses(
        (status = 200, body = wire::orders::Order),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden"),
        (status = 404, body = ProblemBody, description = "order-not-found"),
        (status = 409, body = ProblemBody, description = "illegal-transition"),
        (status = 412, body = ProblemBody, description = "precondition-failed"),
        (status = 422, body = ProblemBody, description = "invalid-request")))]
#[tracing::instrument(name = "order.track", skip_all, fields(order.id = %id))]
pub async fn track_order(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
    if_match: IfMatch,
    Json(body): Json<Tracking>,
) -> Result<impl IntoResponse, Problem> {
    let mut checks = Checks::new();
    let number = checks.text("/trackingNumber", &body.tracking_number, 1, 100);
    let carrier = checks.text("/carrier", &body.carrier, 1, 100);
    checks.finish()?;
    let tracking = (
        number.as_deref().unwrap_or_default(),
        carrier.as_deref().unwrap_or_default(),
    );
    let version = |version| if_match.check(&etag_of_version(version));
    let order = fulfil::track(&app, id, tracking, caller.actor(), &version).await?;
    let tag = etag_of_version(order.version);
    Ok(([(ETAG, tag)], Json(view::order(order, caller.actor()))))
}
