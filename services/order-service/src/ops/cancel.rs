//! Cancelling: the order is cancelled at once; a saga then returns stock and money.

use souk_http::Problem;
use types::{Actor, OrderId};

use super::transition::advance;
use crate::domain::{Order, Refusal, Status};
use crate::error::OrderError;
use crate::sagas::cancellation::CancellationState;
use crate::state::AppState;
use crate::store::{fault, orders};

/// Cancels the order as `actor`. Harmless when repeated; refused once any of it has shipped.
///
/// An order that waits for its money is undone by its own checkout; one that was paid by a cancellation.
pub async fn cancel(app: &AppState, id: OrderId, actor: Actor, reason: &str) -> Result<Order, Problem> {
    cancel_if(app, id, actor, reason, &|_| Ok(())).await
}

/// The same, if `check` has nothing against the order as it is when it is cancelled.
pub(super) async fn cancel_if(
    app: &AppState,
    id: OrderId,
    actor: Actor,
    reason: &str,
    check: &(dyn Fn(&Order) -> Result<(), Problem> + Sync),
) -> Result<Order, Problem> {
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    let order = orders::lock(&mut tx, id).await?;
    check(&order)?;
    let party = order.party(actor).map_err(OrderError::from)?;
    if !order
        .may_move(Status::Cancelled, party)
        .map_err(OrderError::from)?
    {
        return Ok(order);
    }
    order.unshipped().map_err(OrderError::from)?;
    order.undisputed(Status::Cancelled).map_err(OrderError::from)?;
    let now = app.clock.now();
    if !advance(
        &mut tx,
        id,
        (order.status, Status::Cancelled),
        actor,
        Some(reason),
        now,
    )
    .await?
    {
        return Err(OrderError::from(Refusal::Stale(id)).into());
    }
    if order.status == Status::Pending || order.status == Status::Confirmed {
        app.checkout
            .wake(&mut tx, id.get())
            .await
            .map_err(OrderError::Saga)?;
    } else {
        app.start_cancellation(
            &mut tx,
            CancellationState {
                order_id: id,
                reason: reason.to_owned(),
            },
        )
        .await?;
    }
    let order = orders::get(&mut tx, id).await?;
    tx.commit().await.map_err(fault("commit the cancellation"))?;
    app.nudge();
    Ok(order)
}
