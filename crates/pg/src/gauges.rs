//! What the pool and the database of a service hold, shown as gauges.
//!
//! Every process shows its own pool. What only SQL can tell is counted by one process per database, on a connection of
//! its own that holds a lock; when it dies, the connection dies with it and another takes over.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use metrics::{Gauge, Unit};
use sqlx::{Connection as _, PgConnection, PgPool};
use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use types::Clock;

/// The lock of whoever counts.
const COUNTER: i64 = 0x736f_756b_0003;
/// How often to look.
const EVERY: Duration = Duration::from_secs(15);
/// Rows counted at most: a backlog of more is as bad, and counting it must not make it worse.
const MOST: i64 = 100_000;

/// A gauge and what it shows now.
#[derive(Clone)]
pub struct Reading(pub Gauge, pub f64);

/// Why nothing could be read.
pub type LookError = Box<dyn Error + Send + Sync>;

type Looked<'c> = BoxFuture<'c, Result<Vec<Reading>, LookError>>;
type Look = Arc<dyn for<'c> Fn(&'c mut PgConnection, OffsetDateTime) -> Looked<'c> + Send + Sync>;

/// Shows gauges of one service until told to stop. Cheap to clone.
#[derive(Clone)]
pub struct Gauges {
    service: &'static str,
    pool: PgPool,
    clock: Arc<dyn Clock>,
    every: Duration,
    looks: Vec<Look>,
}

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauges")
            .field("service", &self.service)
            .field("looks", &self.looks.len())
            .finish_non_exhaustive()
    }
}

/// The process that counts.
struct Counter {
    conn: PgConnection,
    shown: Vec<Gauge>,
}

impl Gauges {
    /// Gauges of `service`'s pool and of its outbox, looked at every 15 s.
    #[must_use]
    pub fn new(service: &'static str, pool: PgPool, clock: Arc<dyn Clock>) -> Self {
        describe();
        let gauges = Self {
            service,
            pool,
            clock,
            every: EVERY,
            looks: Vec::new(),
        };
        gauges.with(move |conn, now| Box::pin(outbox(conn, service, now)))
    }

    /// The same, which also looks at what `look` reads.
    #[must_use]
    pub fn with<F>(mut self, look: F) -> Self
    where
        F: for<'c> Fn(&'c mut PgConnection, OffsetDateTime) -> Looked<'c> + Send + Sync + 'static,
    {
        self.looks.push(Arc::new(look));
        self
    }

    /// The same, looking so often.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every, ..self }
    }

    /// Looks until `stop`.
    pub async fn work(self, stop: CancellationToken) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut counter = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
            self.show_pool().await;
            if let Err(error) = self.count(&mut counter).await {
                tracing::warn!(
                    error,
                    "what the database holds could not be counted; trying again"
                );
            }
        }
        if let Some(Counter { conn, .. }) = counter {
            // Gives the lock back at once; otherwise the server would notice later.
            drop(conn.close().await);
        }
    }

    /// How full the pool is, and how long somebody who wants a connection now waits for it.
    async fn show_pool(&self) {
        let service = self.service;
        let asked = Instant::now();
        let got = self.pool.acquire().await;
        metrics::gauge!("db_pool_wait_seconds", "service" => service).set(asked.elapsed().as_secs_f64());
        drop(got);
        let (size, idle) = (
            self.pool.size(),
            u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX),
        );
        let show = |state: &'static str, count: u32| {
            metrics::gauge!("db_pool_connections", "service" => service, "state" => state)
                .set(f64::from(count));
        };
        show("idle", idle);
        show("in_use", size.saturating_sub(idle));
        metrics::gauge!("db_pool_limit", "service" => service)
            .set(f64::from(self.pool.options().get_max_connections()));
    }

    /// Counts if this process is the one that does, or can become it. After a failure it no longer is, and shows
    /// nothing that may be out of date.
    async fn count(&self, counter: &mut Option<Counter>) -> Result<(), String> {
        if counter.is_none() {
            *counter = self.stand().await.map_err(|e| e.to_string())?;
        }
        let Some(held) = counter else { return Ok(()) };
        let now = self.clock.now();
        let mut readings = Vec::new();
        for look in &self.looks {
            match look(&mut held.conn, now).await {
                Ok(read) => readings.extend(read),
                Err(error) => {
                    let read = readings.iter().map(|Reading(gauge, _)| gauge);
                    held.shown
                        .iter()
                        .chain(read)
                        .for_each(|gauge| gauge.set(f64::NAN));
                    *counter = None;
                    return Err(error.to_string());
                }
            }
        }
        readings
            .iter()
            .for_each(|Reading(gauge, value)| gauge.set(*value));
        held.shown = readings.into_iter().map(|Reading(gauge, _)| gauge).collect();
        Ok(())
    }

    /// Takes the lock, unless another process has it.
    async fn stand(&self) -> Result<Option<Counter>, sqlx::Error> {
        let conn = crate::try_lock(&self.pool, COUNTER).await?;
        Ok(conn.map(|conn| Counter {
            conn,
            shown: Vec::new(),
        }))
    }
}

/// How far the relays are behind: the oldest delivery has the smallest number.
async fn outbox(
    conn: &mut PgConnection,
    service: &'static str,
    now: OffsetDateTime,
) -> Result<Vec<Reading>, LookError> {
    let row = sqlx::query!(
        r#"
        select (select count(*) from (select from outbox_deliveries limit $1) as counted) as "waiting!",
               (select o.occurred_at from outbox o
                 where o.id = (select min(d.outbox_id) from outbox_deliveries d)) as "oldest?"
        "#,
        MOST,
    )
    .fetch_one(conn)
    .await?;
    let age = row.oldest.map_or(0.0, |at| (now - at).as_seconds_f64().max(0.0));
    Ok(vec![
        Reading(
            metrics::gauge!("outbox_waiting", "service" => service),
            count(row.waiting),
        ),
        Reading(
            metrics::gauge!("outbox_oldest_seconds", "service" => service),
            age,
        ),
    ])
}

/// A count as a gauge shows it: exact up to 2^53.
#[must_use]
pub fn count(rows: i64) -> f64 {
    rows as f64
}

/// Says what the series mean.
fn describe() {
    metrics::describe_gauge!(
        "db_pool_connections",
        Unit::Count,
        "Connections of this process's pool, by state: in_use or idle."
    );
    metrics::describe_gauge!(
        "db_pool_limit",
        Unit::Count,
        "Connections that this process's pool may have."
    );
    metrics::describe_gauge!(
        "db_pool_wait_seconds",
        Unit::Seconds,
        "How long the latest probe waited for a connection of the pool."
    );
    metrics::describe_gauge!(
        "outbox_waiting",
        Unit::Count,
        "Events still to be handed over, one per subscriber; 100,000 stands for more."
    );
    metrics::describe_gauge!(
        "outbox_oldest_seconds",
        Unit::Seconds,
        "Age of the oldest event that is still to be handed over."
    );
}
