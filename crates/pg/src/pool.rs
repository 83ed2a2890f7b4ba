//! The pool of connections, and what its errors mean.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

/// A connection is replaced after this long: it forgets leaked memory and follows a fail-over.
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// insufficient_privilege
pub(crate) const FORBIDDEN: &str = "42501";
/// A statement gives up on a row or table lock after this long; the caller answers "try again".
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// A transaction whose owner hangs gives its locks back after this long: who is silent for as long as a lease lasts is taken
/// for dead elsewhere too.
const IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(15);

/// Disks do not seek any more, and the default of 4 has a price here: the plan that a connection keeps for a statement is
/// made while a new shop's tables are small, reads them whole instead of by their index, and is kept while they grow.
const RANDOM_PAGE_COST: &str = "1.1";

/// How to reach a database.
#[derive(Clone)]
pub struct PgSettings {
    /// `postgres://user:password@host:port/database?options`; may hold a secret.
    pub url: String,
    /// Shown in `pg_stat_activity`.
    pub application_name: String,
    /// Connections at most.
    pub max_connections: u32,
    /// How long a request waits for a free connection.
    pub acquire_timeout: Duration,
    /// How long one statement may run.
    pub statement_timeout: Duration,
}

impl PgSettings {
    /// The database at `url`, with defaults that suit one service: 16 connections, 3 s to get one, 10 s per statement.
    pub fn new(url: impl Into<String>, application_name: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            application_name: application_name.into(),
            max_connections: 16,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(10),
        }
    }

    pub(crate) fn connect_options(&self) -> Result<PgConnectOptions, sqlx::Error> {
        let milliseconds = |d: Duration| format!("{}ms", d.as_millis());
        Ok(PgConnectOptions::from_str(&self.url)?
            .application_name(&self.application_name)
            .options([
                ("statement_timeout", milliseconds(self.statement_timeout)),
                (
                    "lock_timeout",
                    milliseconds(LOCK_TIMEOUT.min(self.statement_timeout)),
                ),
                (
                    "idle_in_transaction_session_timeout",
                    milliseconds(IDLE_IN_TRANSACTION_TIMEOUT),
                ),
                ("random_page_cost", RANDOM_PAGE_COST.to_owned()),
            ]))
    }
}

impl fmt::Debug for PgSettings {
    /// Leaves the URL out: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgSettings")
            .field("application_name", &self.application_name)
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .finish_non_exhaustive()
    }
}

/// Begins a transaction on a connection of `pool`, and may be dropped at any moment.
///
/// [`PgPool::begin`] may not: dropped after `begin` was sent and before it was answered, sqlx puts the connection back
/// with the transaction open, and what its next user writes by itself is not committed. Here a task of its own
/// waits for the answer, and rolls back if nobody wants it any more.
///
/// # Errors
/// The database did not answer.
pub async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let pool = pool.clone();
    #[expect(
        clippy::disallowed_methods,
        reason = "lives no longer than one round trip, and holds nothing that shutdown waits for"
    )]
    let begun = tokio::spawn(async move { pool.begin().await });
    begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

/// Takes an advisory lock of the database for a session of its own; `None` while another one has it. It is given back when
/// the connection ends, however that comes about. May be dropped at any moment: as with [`begin`], a task of its own waits for
/// the answer, since a connection that went back to the pool before it would keep the lock there.
///
/// # Errors
/// The database did not answer.
pub async fn try_lock(pool: &PgPool, key: i64) -> Result<Option<PgConnection>, sqlx::Error> {
    let pool = pool.clone();
    #[expect(
        clippy::disallowed_methods,
        reason = "lives no longer than one round trip, and holds nothing that shutdown waits for"
    )]
    let taken = tokio::spawn(async move {
        let mut conn = pool.acquire().await?;
        let free = sqlx::query_scalar!(r#"select pg_try_advisory_lock($1) as "free!""#, key)
            .fetch_one(&mut *conn)
            .await?;
        Ok(free.then(|| conn.detach()))
    });
    taken.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

/// Whether `error` says that the database cannot be reached right now, so that waiting may help.
#[must_use]
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Io(_)
        | sqlx::Error::Tls(_) => true,
        // 57P0x: shut down, crashed, starting up. 08: connection. 53: a full disk, no memory, too many connections.
        // 58030: the disk fails. 25006: a standby took over the address.
        sqlx::Error::Database(e) => e.code().is_some_and(|code| {
            ["57P0", "08", "53"].iter().any(|class| code.starts_with(class))
                || code == "58030"
                || code == "25006"
        }),
        _ => false,
    }
}

/// Whether `error` says that our role may not do this.
pub(crate) fn is_forbidden(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|e| e.code())
        .is_some_and(|code| code == FORBIDDEN)
}

/// The constraint that a write ran into, by the name that the migration gave it.
#[must_use]
pub fn constraint_of(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|e| e.constraint())
}
