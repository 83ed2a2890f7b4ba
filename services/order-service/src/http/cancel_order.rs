//! `POST /orders/{id}/cancel`

use axum::body::Bytes;
use axum::extract::State;
use souk_http::{Caller, Checks, Json, PathId, Problem, ProblemBody};
use types::OrderId;
use wire::orders::{CancelOrder, Cancelled};

use super::view;
use crate::ops;
use crate::state::AppState;

/// Cancels an order; a saga then returns what was held and what was paid.
///
/// Answers with the order. Repeating the call gives the same answer; an order that was shipped is refused with
/// `illegal-transition`. The body may be left out.
#[utoipa::path(post, path = "/orders/{id}/cancel", tag = "orders", request_body = CancelOrder,
    params(("id" = i64, Path, description = "The order")),
    security(("bearer" = [])), extensions(("x-access" = json!("owner, seller of all lines, admin"))),
    responses(
        (status = 200, body = Cancelled),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden: a seller of some lines only"),
        (status = 404, body = ProblemBody, description = "order-not-found"),
        (status = 409, body = ProblemBody, description = "illegal-transition, order-disputed or stale"),
        (status = 422, body = ProblemBody, description = "invalid-request")))]
#[tracing::instrument(name = "order.cancel", skip_all, fields(order.id = %id))]
pub async fn cancel_order(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
    body: Bytes,
) -> Result<Json<Cancelled>, Problem> {
    let body: CancelOrder = match body.is_empty() {
        true => CancelOrder::default(),
        false => Json::from_bytes(&body)?.0,
    };
    let mut checks = Checks::new();
    let reason = body.reason.map(|r| checks.text("/reason", &r, 0, 200));
    checks.finish()?;
    let reason = reason.flatten().filter(|r| !r.is_empty());
    let reason = reason.unwrap_or_else(|| format!("cancelled by {}", caller.role.name()));
    let order = ops::cancel::cancel(&app, id, caller.actor(), &reason).await?;
    Ok(Json(Cancelled {
        message: "The order is cancelled; what was held or paid for it is returned.".to_owned(),
        order: view::order(order, caller.actor()),
    }))
}
