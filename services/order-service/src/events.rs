//! Events out and in.

use bus::{Delivered, Handler, Topic};
use sqlx::PgConnection;
use std::sync::Arc;
use time::OffsetDateTime;
use tonic::Status as GrpcStatus;
use types::{Actor, OrderId};
use wire::events::{
    PaymentCancelled, PaymentDisputed, PaymentFailed, PaymentMismatched, PaymentMoved, PaymentRefunded,
    PaymentSucceeded,
};

use crate::NAME;
use crate::domain::{News, Party, Status, Verdict};
use crate::error::OrderError;
use crate::ops::notify;
use crate::ops::transition::advance;
use crate::sagas::cancellation::CancellationState;
use crate::state::AppState;
use crate::store::{facts, fault, orders};

/// What happens to orders. Nobody subscribes yet.
pub const ORDERS: Topic = Topic {
    aggregate: "order",
    subscribers: &[],
};

/// Takes payment-service's events, each once, in one transaction with its effect.
pub fn handler(app: AppState) -> Handler {
    Arc::new(move |event| {
        let app = app.clone();
        Box::pin(async move {
            take(&app, event).await.map_err(|error| {
                tracing::warn!(%error, "an event could not be taken; it will be sent again");
                GrpcStatus::unavailable("the event could not be taken")
            })
        })
    })
}

async fn take(app: &AppState, event: Delivered) -> Result<(), OrderError> {
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    let now = app.clock.now();
    if pg::inbox::first_time(&mut tx, NAME, event.id, now)
        .await
        .map_err(fault("read the inbox"))?
    {
        apply(app, &mut tx, &event, now).await?;
    }
    tx.commit().await.map_err(fault("commit the event's effect"))?;
    app.nudge();
    Ok(())
}

async fn apply(
    app: &AppState,
    conn: &mut PgConnection,
    event: &Delivered,
    now: OffsetDateTime,
) -> Result<(), OrderError> {
    if let Some(e) = event.read::<PaymentSucceeded>()? {
        facts::note(
            conn,
            e.order_id,
            "succeeded",
            e.amount_minor,
            &e.currency,
            "succeeded",
            now,
        )
        .await?;
        return money_arrived(app, conn, e.order_id).await;
    }
    if let Some(e) = event.read::<PaymentMismatched>()? {
        facts::note(
            conn,
            e.order_id,
            "mismatch",
            e.amount_minor,
            &e.currency,
            "mismatch",
            now,
        )
        .await?;
        return wake(app, conn, e.order_id).await;
    }
    if let Some(e) = event.read::<PaymentMoved>()? {
        facts::note(conn, e.order_id, &e.status, 0, "", &e.status, now).await?;
        return wake(app, conn, e.order_id).await;
    }
    if let Some(e) = event.read::<PaymentFailed>()? {
        return failed(app, conn, e.order_id, now).await;
    }
    if let Some(e) = event.read::<PaymentCancelled>()? {
        facts::note(conn, e.order_id, "cancelled", 0, "", "cancelled", now).await?;
        // An order that waits for this payment waits in vain.
        return wake(app, conn, e.order_id).await;
    }
    if let Some(e) = event.read::<PaymentDisputed>()? {
        return facts::note_dispute(conn, e.order_id, &e.status, now).await;
    }
    if let Some(e) = event.read::<PaymentRefunded>()? {
        let whole = e.refunded_minor >= e.captured_minor;
        if e.refunded_minor == 0 {
            return facts::note_kept(conn, e.order_id, now).await;
        }
        let status = if whole { "refunded" } else { "partially_refunded" };
        let before = facts::sent_back(conn, e.order_id).await?;
        facts::note(conn, e.order_id, "refunded", e.refunded_minor, "", status, now).await?;
        if whole {
            return refunded(app, conn, e.order_id, now).await;
        }
        // A refund that came back leaves less than was told: an admin deals with that.
        if e.refunded_minor > before.minor {
            let news = News::PartRefunded {
                minor: e.refunded_minor,
                currency: before.currency,
            };
            notify::customer(conn, e.order_id, news, now).await?;
        }
        return Ok(());
    }
    tracing::debug!(kind = event.kind, "an event that means nothing here");
    Ok(())
}

/// An attempt came to nothing. If it was under way, the checkout has kept the stock for it, and looks again.
async fn failed(
    app: &AppState,
    conn: &mut PgConnection,
    id: OrderId,
    now: OffsetDateTime,
) -> Result<(), OrderError> {
    let before = facts::standing(conn, id).await?;
    facts::note(conn, id, "failed", 0, "", "failed", now).await?;
    if before.payment_status == "processing" {
        wake(app, conn, id).await?;
    }
    Ok(())
}

async fn wake(app: &AppState, conn: &mut PgConnection, id: OrderId) -> Result<(), OrderError> {
    let woken = app.checkout.wake(conn, id.get()).await;
    woken.map(|_| ()).map_err(OrderError::Saga)
}

/// Money for an order that waits wakes its checkout. Money for a cancelled one goes back, once (ORD-8).
async fn money_arrived(app: &AppState, conn: &mut PgConnection, id: OrderId) -> Result<(), OrderError> {
    let order = orders::lock(conn, id).await?;
    wake(app, conn, id).await?;
    if order.status == Status::Cancelled {
        metrics::counter!("orders_paid_after_cancel_total", "service" => NAME).increment(1);
        app.start_cancellation(
            conn,
            CancellationState {
                order_id: id,
                reason: "late-payment".to_owned(),
            },
        )
        .await?;
    }
    Ok(())
}

/// All money went back: the order is refunded, unless it was cancelled, which says more. One that was not paid yet is
/// its checkout's to end.
async fn refunded(
    app: &AppState,
    conn: &mut PgConnection,
    id: OrderId,
    now: OffsetDateTime,
) -> Result<(), OrderError> {
    let order = orders::lock(conn, id).await?;
    if order.status == Status::Confirmed {
        wake(app, conn, id).await?;
    }
    if order.status.judge(Status::Refunded, Party::System) == Verdict::Allowed {
        advance(
            conn,
            id,
            (order.status, Status::Refunded),
            Actor::System,
            Some("refunded"),
            now,
        )
        .await?;
    }
    Ok(())
}
