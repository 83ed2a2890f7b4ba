//! Moving an order by hand, and recording how to follow it.

use souk_http::Problem;
use sqlx::PgConnection;
use types::{Actor, OrderId, UserId};

use super::{notify, transition};
use crate::domain::{News, Order, Party, Refusal, Status};
use crate::error::OrderError;
use crate::state::AppState;
use crate::store::{fault, fulfilment, orders};

/// Refuses where the client named another version of the order.
type VersionCheck<'a> = &'a (dyn Fn(i64) -> Result<(), Problem> + Sync);

/// Whether `actor` may move the order to `to` by hand now; `false` if it is there already.
fn judge(order: &Order, to: Status, actor: Actor) -> Result<bool, Refusal> {
    match order.party(actor)? {
        // Owners cancel by a route of its own.
        Party::Owner => Err(Refusal::NotYours {
            from: order.status,
            to,
        }),
        party @ (Party::Seller | Party::SoleSeller | Party::Admin | Party::System) => {
            if !to.by_hand() {
                return Err(Refusal::Illegal {
                    id: order.id,
                    from: order.status,
                    to,
                });
            }
            order.may_move(to, party)
        }
    }
}

/// Cancels the order for a seller or an admin, who may name the version that they have read.
pub async fn cancel(
    app: &AppState,
    id: OrderId,
    actor: Actor,
    reason: &str,
    version: VersionCheck<'_>,
) -> Result<Order, Problem> {
    let check = |order: &Order| {
        judge(order, Status::Cancelled, actor).map_err(OrderError::from)?;
        version(order.version)
    };
    super::cancel::cancel_if(app, id, actor, reason, &check).await
}

/// Moves the order to processing, shipped or delivered; harmless when repeated.
///
/// A seller of some lines ships or delivers these: the order follows once every line has got there.
pub async fn advance(
    app: &AppState,
    id: OrderId,
    to: Status,
    actor: Actor,
    note: Option<&str>,
    version: VersionCheck<'_>,
) -> Result<Order, Problem> {
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    let order = orders::lock(&mut tx, id).await?;
    let to_be_made = judge(&order, to, actor).map_err(OrderError::from)?;
    version(order.version)?;
    if !to_be_made {
        return Ok(order);
    }
    order.undisputed(to).map_err(OrderError::from)?;
    if lines_follow(&mut tx, &order, to, actor).await? {
        let now = app.clock.now();
        let step = (order.status, to);
        if !transition::advance(&mut tx, id, step, actor, note, now).await? {
            return Err(OrderError::from(Refusal::Stale(id)).into());
        }
    }
    let order = orders::get(&mut tx, id).await?;
    tx.commit().await.map_err(fault("commit the move"))?;
    app.nudge();
    Ok(order)
}

/// Marks the lines that `actor` answers for; true if now every line is as far as `to`.
async fn lines_follow(
    conn: &mut PgConnection,
    order: &Order,
    to: Status,
    actor: Actor,
) -> Result<bool, OrderError> {
    let fulfillment = match to {
        Status::Shipped => "shipped",
        Status::Delivered => "delivered",
        Status::Pending
        | Status::Confirmed
        | Status::Paid
        | Status::Processing
        | Status::Cancelled
        | Status::Refunded => return Ok(true),
    };
    let seller: Option<UserId> = match order.party(actor)? {
        Party::Seller => actor.user(),
        Party::SoleSeller | Party::Admin | Party::System | Party::Owner => None,
    };
    fulfilment::mark(conn, order.id, fulfillment, seller).await
}

/// Records carrier and number while the order is prepared or on its way; moves no status. The customer is told if
/// something has left already.
pub async fn track(
    app: &AppState,
    id: OrderId,
    (number, carrier): (&str, &str),
    actor: Actor,
    version: VersionCheck<'_>,
) -> Result<Order, Problem> {
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    let order = orders::lock(&mut tx, id).await?;
    let status = order.status;
    let party = order.party(actor).map_err(OrderError::from)?;
    if party == Party::Owner {
        return Err(OrderError::from(Refusal::NotYoursToTrack(id)).into());
    }
    if !matches!(status, Status::Processing | Status::Shipped) {
        return Err(OrderError::from(Refusal::NotTrackable { id, status }).into());
    }
    version(order.version)?;
    let now = app.clock.now();
    fulfilment::set_tracking(&mut tx, id, number, carrier, now).await?;
    let tracked = orders::get(&mut tx, id).await?;
    // What leaves later is told with its tracking; what has left needs a mail of its own.
    let has_left = status == Status::Shipped || order.fulfillment_status == "partial";
    let same = order.carrier == tracked.carrier && order.tracking_number == tracked.tracking_number;
    if has_left && !same {
        notify::customer(&mut tx, id, News::Tracked(tracked.version), now).await?;
    }
    tx.commit().await.map_err(fault("commit the tracking"))?;
    app.nudge();
    Ok(tracked)
}
