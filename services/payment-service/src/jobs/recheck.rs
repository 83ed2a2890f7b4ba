//! Looks after open payments whose webhooks may have been lost: each is read anew every few minutes (`PAYMENT_RECHECK_SECONDS`).

use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::forever;
use crate::error::PaymentError;
use crate::ops::refresh::refresh;
use crate::store::payments;
use crate::{AppState, NAME};

/// Payments read at once.
const BATCH: i64 = 20;
/// How often to look.
const POLL: Duration = Duration::from_secs(30);

/// Works until `stop`.
pub async fn work(app: AppState, stop: CancellationToken) {
    let nobody = Notify::new();
    let pause = POLL.min(app.recheck);
    forever("recheck", stop, &nobody, pause, || run_due(&app)).await;
}

/// Reads one batch of open payments anew; returns how many.
///
/// # Errors
/// The database did not answer.
pub async fn run_due(app: &AppState) -> Result<usize, PaymentError> {
    let orders = payments::unwatched(&app.db, app.clock.now(), app.recheck, BATCH).await?;
    for order in &orders {
        match refresh(app, *order).await {
            // Nobody told us, and nobody had asked.
            Ok(true) => metrics::counter!("payments_drifted_total", "service" => NAME).increment(1),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(order.id = %order, %error, "a payment could not be read anew");
            }
        }
    }
    Ok(orders.len())
}
