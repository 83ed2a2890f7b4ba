//! How long what was done is remembered, alike in every service.

use std::time::Duration;

use sqlx::PgPool;
use time::OffsetDateTime;

use crate::{idempotency, inbox, outbox};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How long requests are remembered by their keys (IDK-1).
pub const KEYS: Duration = DAY.saturating_mul(3);
/// How long events are kept that all subscribers have acknowledged; what waits is kept however old it is (EVT-1).
pub const EVENTS: Duration = DAY.saturating_mul(30);
/// How long it is remembered which events came: a day longer than their publisher keeps them, so that none that can
/// still be sent is taken for a new one, and the audit finds all (EVT-3).
pub const RECEIVED: Duration = DAY.saturating_mul(31);

/// What was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Requests.
    pub keys: u64,
    /// Events out.
    pub events: u64,
    /// Events in.
    pub received: u64,
}

/// Forgets what nobody will ask for again.
///
/// # Errors
/// The database did not answer. What can be forgotten all the same is.
pub async fn prune(pool: &PgPool, now: OffsetDateTime) -> Result<Forgotten, sqlx::Error> {
    let keys = idempotency::prune(pool, now - KEYS).await;
    let events = outbox::prune(pool, now - EVENTS).await;
    let received = inbox::prune(pool, now - RECEIVED).await;
    Ok(Forgotten {
        keys: keys?,
        events: events?,
        received: received?,
    })
}

/// As many rows as one statement forgets: few enough that it ends long before its time does, however many there are.
const BATCH: i64 = 5_000;

/// Calls `forget` with how many rows it is to forget at most, until it finds no more; how many it has forgotten. Each call
/// is to commit by itself: what comes after a busy day is then forgotten in many short statements, not in one that takes too
/// long and is undone.
///
/// # Errors
/// Those of `forget`; what was forgotten before stays so.
pub async fn in_batches<F, E>(mut forget: impl FnMut(i64) -> F) -> Result<u64, E>
where
    F: Future<Output = Result<u64, E>>,
{
    let mut forgotten = 0;
    loop {
        let batch = forget(BATCH).await?;
        forgotten += batch;
        if batch < BATCH.unsigned_abs() {
            return Ok(forgotten);
        }
    }
}
