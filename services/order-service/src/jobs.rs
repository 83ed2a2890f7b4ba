//! Background work beside the sagas.

pub mod mail;

use std::sync::Arc;
use std::time::Duration;

use runtime::{Clock, Worker};
use sqlx::PgPool;

/// How long answers to keyed requests are kept: api.md promises a day.
const KEYS: Duration = Duration::from_secs(72 * 3600);
/// How long events are kept: longer than any relay retries.
const EVENTS: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long what was received is remembered: a day longer than its publisher keeps it, so that the audit finds it.
const RECEIVED: Duration = Duration::from_secs(31 * 24 * 3600);
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
                let now = clock.now();
                let pruned = async {
                    pg::idempotency::prune(&db, now - KEYS).await?;
                    pg::inbox::prune(&db, now - RECEIVED).await?;
                    pg::outbox::prune(&db, now - EVENTS).await
                };
                if let Err(error) = pruned.await {
                    tracing::warn!(%error, "old keys and events could not be pruned; trying again in an hour");
                }
            }
        }
    })
}
