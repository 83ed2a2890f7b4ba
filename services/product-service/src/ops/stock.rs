//! Extend, commit, release, restock, sweep: one statement each where nothing is in the way. Where that writes nothing, we look
//! at what the order has, answer from that, or try again.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use time::OffsetDateTime;
use types::{Clock, OrderId};

use crate::domain::{EXTENDED, Refusal, State, Ttl};
use crate::error::ProductError;
use crate::store::{expiry, fault, pins, reservations};

/// How often to look again when somebody else was faster. Each time means that they changed this very reservation,
/// and there are not that many changes to make.
pub(super) const TRIES: usize = 5;
/// Expired holds that are given back at once for somebody who wants their stock.
pub(super) const RECLAIM: i64 = 200;
/// Expired holds that the sweeper gives back at once.
const SWEEP: i64 = 200;

/// What was done, and to which products' stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done<T> {
    /// The answer.
    pub answer: T,
    /// The products whose stock changed.
    pub changed: Vec<i64>,
}

impl<T> Done<T> {
    pub(super) const fn nothing(answer: T) -> Self {
        Self {
            answer,
            changed: Vec::new(),
        }
    }
}

/// Lets the order's hold last for `ttl` from now, within its limit; says until when it does. Whatever is over, by the
/// clock and not by when it is swept, stays over: others may have its units any moment (STK-7).
pub async fn extend(
    pool: &PgPool,
    clock: &dyn Clock,
    order: OrderId,
    ttl: Ttl,
) -> Result<OffsetDateTime, ProductError> {
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    for _ in 0..TRIES {
        let at = clock.now();
        if let Some(until) = expiry::extend(&mut conn, order, at + ttl.get(), EXTENDED, at).await? {
            return Ok(until);
        }
        let had = reservations::find(&mut conn, order).await?;
        match had.as_ref().map(|r| r.state) {
            // It came between the two statements.
            Some(State::Held) if had.and_then(|r| r.expires_at).is_some_and(|end| end > at) => {}
            Some(State::Committed) => return Err(Refusal::AlreadyCommitted(order).into()),
            Some(State::Released | State::Tombstone) => return Err(Refusal::HoldCancelled(order).into()),
            None | Some(State::Held | State::Expired) => return Err(Refusal::HoldLost(order).into()),
        }
    }
    Err(ProductError::Corrupt("reservation that comes and goes"))
}

/// Sells what the order holds. An expired hold is sold too if its stock is still there (STK-8).
pub async fn commit(pool: &PgPool, clock: &dyn Clock, order: OrderId) -> Result<Done<()>, ProductError> {
    for _ in 0..TRIES {
        let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
        let at = clock.now();
        let changed = reservations::commit(&mut conn, order, at).await?;
        if !changed.is_empty() {
            return Ok(Done { answer: (), changed });
        }
        let had = reservations::find(&mut conn, order).await?.map(|r| r.state);
        match had {
            Some(State::Committed) => return Ok(Done::nothing(())),
            Some(State::Held) => {}
            Some(State::Expired) => {
                let changed = recommit(pool, conn, order, at).await?;
                if !changed.is_empty() {
                    return Ok(Done { answer: (), changed });
                }
                // Somebody may have committed it between the two statements.
                let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
                if reservations::find(&mut conn, order)
                    .await?
                    .is_some_and(|r| r.state == State::Expired)
                {
                    return Err(Refusal::HoldLost(order).into());
                }
            }
            None | Some(State::Released | State::Tombstone) => return Err(Refusal::HoldLost(order).into()),
        }
    }
    Err(ProductError::Corrupt("reservation that comes and goes"))
}

/// Takes an expired hold's stock again, from other expired holds if need be.
async fn recommit(
    pool: &PgPool,
    mut conn: PoolConnection<Postgres>,
    order: OrderId,
    at: OffsetDateTime,
) -> Result<Vec<i64>, ProductError> {
    let changed = reservations::recommit(&mut conn, order, at).await?;
    if !changed.is_empty() {
        return Ok(changed);
    }
    let products = reservations::products_of(&mut conn, order).await?;
    let over = expiry::due_of(&mut conn, &products, Some(order), at, RECLAIM).await?;
    if over.is_empty() {
        return Ok(Vec::new());
    }
    drop(conn);
    let mut tx = pg::begin(pool).await.map_err(fault("begin a transaction"))?;
    let mut changed = expiry::free(&mut tx, &over, &products, at).await?;
    let taken = reservations::recommit(&mut tx, order, at).await?;
    tx.commit().await.map_err(fault("commit an expired hold"))?;
    if taken.is_empty() {
        return Ok(taken);
    }
    changed.extend(taken);
    Ok(changed)
}

/// Keeps what the order holds beyond its time, or lets that count again; nothing where nothing is held (PAY-14).
pub async fn pin(
    pool: &PgPool,
    clock: &dyn Clock,
    order: OrderId,
    pinned: bool,
    reason: &str,
) -> Result<Done<()>, ProductError> {
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    if pins::set(&mut conn, order, pinned, reason, clock.now()).await? {
        tracing::warn!(order.id = %order, pinned, reason, "a hold was pinned, or is no longer");
    }
    Ok(Done::nothing(()))
}

/// Gives back what the order holds, for good: an expired hold is not sold after it either. Before its hold it leaves a
/// tombstone, which refuses the hold (STK-9, STK-10).
pub async fn release(
    pool: &PgPool,
    clock: &dyn Clock,
    order: OrderId,
    reason: &str,
) -> Result<Done<()>, ProductError> {
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    for _ in 0..TRIES {
        let at = clock.now();
        let changed = reservations::release(&mut conn, order, reason, at).await?;
        if !changed.is_empty() {
            return Ok(Done { answer: (), changed });
        }
        let had = reservations::find(&mut conn, order).await?.map(|r| r.state);
        match had {
            Some(State::Released | State::Tombstone) => return Ok(Done::nothing(())),
            Some(State::Committed) => return Err(Refusal::AlreadyCommitted(order).into()),
            // It came, or its time was over, between the two statements.
            Some(State::Held | State::Expired) => {}
            None => {
                if reservations::entomb(&mut conn, order, reason, at).await? {
                    return Ok(Done::nothing(()));
                }
            }
        }
    }
    Err(ProductError::Corrupt("reservation that comes and goes"))
}

/// Puts back what the order bought, each line once; nothing if it bought nothing (STK-11).
pub async fn restock(
    pool: &PgPool,
    clock: &dyn Clock,
    order: OrderId,
    reason: &str,
) -> Result<Done<()>, ProductError> {
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    let changed = reservations::restock(&mut conn, order, reason, clock.now()).await?;
    Ok(Done { answer: (), changed })
}

/// Gives back one batch of expired holds; says whether there may be more.
pub async fn sweep(pool: &PgPool, clock: &dyn Clock) -> Result<Done<bool>, ProductError> {
    let mut conn = pool.acquire().await.map_err(fault("reach the database"))?;
    let now = clock.now();
    let over = expiry::due(&mut conn, now, SWEEP).await?;
    if over.is_empty() {
        return Ok(Done::nothing(false));
    }
    drop(conn);
    let mut tx = pg::begin(pool).await.map_err(fault("begin a transaction"))?;
    if !expiry::may_sweep(&mut tx).await? {
        return Ok(Done::nothing(false));
    }
    let changed = expiry::free(&mut tx, &over, &[], now).await?;
    tx.commit().await.map_err(fault("commit the sweep"))?;
    if !changed.is_empty() {
        let expired = u64::try_from(over.len()).unwrap_or_default();
        metrics::counter!("holds_expired_total", "service" => crate::NAME).increment(expired);
    }
    Ok(Done {
        answer: !changed.is_empty() && i64::try_from(over.len()).unwrap_or(SWEEP) == SWEEP,
        changed,
    })
}

/// How often the sweeper looks.
pub const SWEEP_EVERY: Duration = Duration::from_secs(1);
