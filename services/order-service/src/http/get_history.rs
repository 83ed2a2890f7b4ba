//! `GET /orders/{id}/history`

use axum::extract::State;
use souk_http::{Caller, Json, PathId, Problem, ProblemBody};
use types::OrderId;
use wire::orders::HistoryEntry;

use crate::error::OrderError;
use crate::state::AppState;
use crate::store::{fault, history, orders};

/// Every status that the order has been in, oldest first, with who moved it and why.
#[utoipa::path(get, path = "/orders/{id}/history", tag = "orders",
    params(("id" = i64, Path, description = "The order")),
    security(("bearer" = [])), extensions(("x-access" = json!("owner, seller of a line, admin"))),
    responses(
        (status = 200, body = Vec<HistoryEntry>),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 404, body = ProblemBody, description = "order-not-found")))]
#[tracing::instrument(name = "order.history", skip_all, fields(order.id = %id))]
pub async fn get_history(
    State(app): State<AppState>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
) -> Result<Json<Vec<HistoryEntry>>, Problem> {
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    let order = orders::get(&mut conn, id).await?;
    order.party(caller.actor()).map_err(OrderError::from)?;
    Ok(Json(history::of(&mut conn, id).await?))
}
