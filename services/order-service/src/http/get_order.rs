//! `GET /orders/{id}`

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use souk_http::{Caller, PathId, Problem, ProblemBody, etag_of_version, fresh_or};
use types::OrderId;

use super::view;
use crate::error::OrderError;
use crate::state::AppState;

/// One order, for its owner, an admin, or the seller of a line, who sees own lines only.
///
/// Anybody else is told that there is none.
#[utoipa::path(get, path = "/orders/{id}", tag = "orders", params(("id" = i64, Path, description = "The order")),
    security(("bearer" = [])), extensions(("x-access" = json!("owner, seller of a line, admin"))),
    responses(
        (status = 200, body = wire::orders::Order),
        (status = 304, description = "It is the version that `If-None-Match` names"),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 404, body = ProblemBody, description = "order-not-found")))]
#[tracing::instrument(name = "order.get", skip_all, fields(order.id = %id))]
pub async fn get_order(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let order = app.orders.ask(id).await?;
    order.party(caller.actor()).map_err(OrderError::from)?;
    let tag = etag_of_version(order.version);
    fresh_or(
        &headers,
        Some(tag),
        "private, no-cache",
        &view::order(order, caller.actor()),
    )
}
