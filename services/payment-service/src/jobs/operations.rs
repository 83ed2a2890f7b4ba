//! Resolves writes at the provider whose outcome is unknown.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::forever;
use crate::error::PaymentError;
use crate::ops::resolve::resolve;
use crate::store::operations;
use crate::{AppState, NAME};

/// Operations claimed at once; they are asked for one after the other, so as not to press a provider that ails. Few:
/// those of a killed worker wait as long as all of them may take.
const BATCH: i64 = 4;
/// How often to look where nobody nudges.
const POLL: Duration = Duration::from_secs(2);
/// An operation that is older, and has no outcome yet, is counted in `payment_operations_overdue`.
const OVERDUE: Duration = Duration::from_secs(15 * 60);
/// How often they are counted.
const COUNT: Duration = Duration::from_secs(15);

/// Works until `stop`.
pub async fn work(app: AppState, stop: CancellationToken) {
    let counting = count(&app, &stop);
    let working = forever("operations", stop.clone(), &app.operations, POLL, || {
        run_due(&app)
    });
    tokio::join!(counting, working);
}

/// Resolves one batch of what is due; returns how many operations were looked at.
///
/// # Errors
/// The database did not answer.
pub async fn run_due(app: &AppState) -> Result<usize, PaymentError> {
    let now = app.clock.now();
    let lease = app.call_lease * u32::try_from(BATCH).unwrap_or(1);
    let claimed = operations::claim(&app.db, now, lease, BATCH).await?;
    for operation in &claimed {
        if let Err(error) = resolve(app, operation).await {
            tracing::warn!(operation = operation.key, %error, "an operation was looked into");
        }
    }
    Ok(claimed.len())
}

/// Counts what is overdue, now and then.
async fn count(app: &AppState, stop: &CancellationToken) {
    while !stop.is_cancelled() {
        match operations::overdue(&app.db, app.clock.now() - OVERDUE).await {
            Ok(overdue) => {
                let overdue = u32::try_from(overdue).unwrap_or(u32::MAX);
                metrics::gauge!("payment_operations_overdue", "service" => NAME).set(f64::from(overdue));
            }
            Err(error) => tracing::warn!(%error, "overdue operations could not be counted; trying again"),
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(COUNT) => {}
        }
    }
}
