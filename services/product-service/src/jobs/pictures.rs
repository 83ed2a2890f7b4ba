//! Deletes the files of pictures that no product names (IMG-3).

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::AppState;
use crate::ops::pictures;

/// How often to look.
const EVERY: Duration = Duration::from_secs(3_600);
/// When to look again after a failure: half of a picture is of no use, and takes room.
const AGAIN: Duration = Duration::from_secs(60);

/// Sweeps until `stop`.
pub(crate) async fn work(app: AppState, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let swept = tokio::select! {
            () = stop.cancelled() => return,
            swept = pictures::sweep(&app.db, &app.images.storage, app.clock.now()) => swept,
        };
        let pause = match swept {
            Ok(0) => EVERY,
            Ok(pictures) => {
                tracing::info!(pictures, "deleted pictures that no product names");
                EVERY
            }
            Err(error) => {
                let error = runtime::with_causes(&error);
                tracing::warn!(
                    error,
                    "pictures that no product names could not be deleted; trying again in a minute"
                );
                AGAIN
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
