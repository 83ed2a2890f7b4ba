//! Work beside the requests: rotates keys, forgets what has ended.

use std::sync::Arc;
use std::time::Duration;

use runtime::{Clock, Worker};
use sqlx::PgPool;

use crate::error::UserError;
use crate::keyring::Keyring;
use crate::store::sessions;

/// How often it is looked whether something is due.
const EVERY: Duration = Duration::from_secs(60);
/// How long ended sessions are remembered.
const REMEMBERED: time::Duration = time::Duration::days(1);

/// Does what is due: the next signing key is made, dead keys and sessions that ended a day ago are forgotten.
/// Any number of processes may do it at once.
pub async fn keep_house(db: &PgPool, keyring: &Keyring, clock: &dyn Clock) -> Result<(), UserError> {
    keyring.rotate().await?;
    let mut conn = db
        .acquire()
        .await
        .map_err(UserError::store("reach the database"))?;
    while sessions::prune(&mut conn, clock.now() - REMEMBERED).await? > 0 {}
    Ok(())
}

/// The worker that keeps house.
pub fn worker(db: PgPool, keyring: Keyring, clock: Arc<dyn Clock>) -> Worker {
    Worker::new("housekeeping", move |stop| {
        let (db, keyring, clock) = (db.clone(), keyring.clone(), Arc::clone(&clock));
        async move {
            while !stop.is_cancelled() {
                if let Err(error) = keep_house(&db, &keyring, clock.as_ref()).await {
                    tracing::warn!(error = %error, "housekeeping failed; it is tried again in a minute");
                }
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        }
    })
}
