//! Forgets what nobody asks for any more.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::AppState;

/// How often to look.
const EVERY: Duration = Duration::from_secs(3_600);

/// Prunes until `stop`.
pub(crate) async fn work(app: AppState, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = pg::retention::prune(&app.db, app.clock.now()).await {
            tracing::warn!(%error, "old rows could not be pruned; trying again in an hour");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
