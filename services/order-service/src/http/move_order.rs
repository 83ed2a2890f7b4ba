//! `PUT /orders/{id}/status`

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::ETAG;
use souk_http::{Caller, Checks, IfMatch, Json, PathId, Problem, ProblemBody, etag_of_version};
use types::OrderId;
use wire::orders::MoveOrder;

use super::view;
use crate::domain::Status;
use crate::ops::fulfil;
use crate::state::AppState;

/// Moves an order on: processing, shipped, delivered, or cancelled.
///
/// A seller's `shipped` and `delivered` are about own lines; the order follows when all lines have. What only the shop
/// itself decides, `paid` and `refunded` among it, is refused with `illegal-transition`.
#[utoipa::path(put, path = "/orders/{id}/status", tag = "orders", request_body = MoveOrder,
    params(("id" = i64, Path, description = "The order")),
    security(("bearer" = [])), extensions(("x-access" = json!("seller of a line, admin"))),
    responses(
        (status = 200, body = wire::orders::Order),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden"),
        (status = 404, body = ProblemBody, description = "order-not-found"),
        (status = 409, body = ProblemBody, description = "illegal-transition, order-disputed or stale"),
        (status = 412, body = ProblemBody, description = "precondition-failed"),
        (status = 422, body = ProblemBody, description = "invalid-request")))]
#[tracing::instrument(name = "order.move", skip_all, fields(order.id = %id))]
pub async fn move_order(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
    if_match: IfMatch,
    Json(body): Json<MoveOrder>,
) -> Result<impl IntoResponse, Problem> {
    let mut checks = Checks::new();
    let to = checks.take("/status", body.status.parse::<Status>());
    let note = body.note.map(|note| checks.text("/note", &note, 0, 500));
    checks.finish()?;
    let Some(to) = to else {
        return Err(Problem::fault("a status was refused without a word"));
    };
    let note = note.flatten().filter(|n| !n.is_empty());
    let actor = caller.actor();
    let version = |version| if_match.check(&etag_of_version(version));
    let order = match to {
        Status::Cancelled => {
            let reason = note.unwrap_or_else(|| format!("cancelled by {}", caller.role.name()));
            fulfil::cancel(&app, id, actor, &reason, &version).await?
        }
        to => fulfil::advance(&app, id, to, actor, note.as_deref(), &version).await?,
    };
    let tag = etag_of_version(order.version);
    Ok(([(ETAG, tag)], Json(view::order(order, actor))))
}
