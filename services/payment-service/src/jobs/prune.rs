//! Forgets what nobody needs any more.

use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::forever;
use crate::AppState;
use crate::error::PaymentError;
use crate::store::{fault, reconciliations, webhooks};

/// How long webhooks are kept after they were worked off.
const KEEP_EVENTS: Duration = Duration::from_secs(30 * 86_400);
/// How long it is known what differed.
const KEEP_RECONCILIATIONS: Duration = Duration::from_secs(400 * 86_400);
/// How often to clean up.
const POLL: Duration = Duration::from_secs(3600);

/// Works until `stop`.
pub async fn work(app: AppState, stop: CancellationToken) {
    let nobody = Notify::new();
    forever("prune", stop, &nobody, POLL, || run_due(&app)).await;
}

/// Cleans up; never finds more to do at once.
///
/// # Errors
/// The database did not answer.
pub async fn run_due(app: &AppState) -> Result<usize, PaymentError> {
    let now = app.clock.now();
    webhooks::prune(&app.db, now - KEEP_EVENTS).await?;
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    reconciliations::prune(&mut conn, now - KEEP_RECONCILIATIONS).await?;
    drop(conn);
    pg::retention::prune(&app.db, now)
        .await
        .map_err(fault("forget old events and requests"))?;
    Ok(0)
}
