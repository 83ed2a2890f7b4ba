//! Background work. Each job has a `run_due`, which does what is due now, and a loop around it.

pub mod operations;
pub mod prune;
pub mod recheck;
pub mod reconcile;
pub mod webhooks;

use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::error::PaymentError;

/// Runs `due` until `stop`: again at once while it finds work, else when nudged or after `pause`.
async fn forever<F>(
    name: &'static str,
    stop: CancellationToken,
    nudge: &Notify,
    pause: Duration,
    due: impl Fn() -> F,
) where
    F: Future<Output = Result<usize, PaymentError>>,
{
    while !stop.is_cancelled() {
        match due().await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(job = name, %error, source, "a job could not look for work; trying again");
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = nudge.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
