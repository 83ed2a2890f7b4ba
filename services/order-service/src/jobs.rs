//! Background work beside the sagas.

pub mod mail;

use std::sync::Arc;
use std::time::Duration;

use runtime::{Clock, Worker};
use sqlx::PgPool;

/// How often to look.
const EVERY: Duration = Duration::from_secs(3600);

/// Forgets what nobody will ask for again.
pub fn prune(db: PgPool, clock: Arc<dyn Clock>) -> Worker {
    Worker::new("prune", move |stop| {
        let (db, clock) = (db.clone(), Arc::clone(&clock));
        async move {
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(EVERY) => {}
                }
                if let Err(error) = pg::retention::prune(&db, clock.now()).await {
                    tracing::warn!(%error, "old keys and events could not be pruned; trying again in an hour");
                }
            }
        }
    })
}
