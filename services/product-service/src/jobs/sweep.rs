//! Gives back what holds hold whose time is over: within a second or two of it (STK-7).

use tokio_util::sync::CancellationToken;

use crate::AppState;
use crate::ops::stock;

/// Sweeps until `stop`.
pub(crate) async fn work(app: AppState, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match app.stock_changed("expire", stock::sweep(&app.db, &*app.clock).await) {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "expired holds could not be freed; trying again"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(stock::SWEEP_EVERY) => {}
        }
    }
}
