//! Forgets what nobody asks for any more: remembered requests after a day, events after a week.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::AppState;
use crate::config::KEYS_KEPT;

/// How often to look.
const EVERY: Duration = Duration::from_secs(3_600);
/// How long events are kept.
const KEEP_EVENTS: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Prunes until `stop`.
pub(crate) async fn work(app: AppState, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = run_once(&app).await {
            tracing::warn!(%error, "old rows could not be pruned; trying again in an hour");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn run_once(app: &AppState) -> Result<(), sqlx::Error> {
    let now = app.clock.now();
    pg::idempotency::prune(&app.db, now - KEYS_KEPT).await?;
    pg::outbox::prune(&app.db, now - KEEP_EVENTS).await?;
    Ok(())
}
