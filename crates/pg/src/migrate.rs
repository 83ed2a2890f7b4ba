//! Migrations: this crate's own first, then the lists of whoever uses it. Forward only, checksummed, and
//! safe to start from many processes at once.

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

use crate::pool::is_forbidden;

/// The tables of [`outbox`](crate::outbox), [`inbox`](crate::inbox), [`idempotency`](crate::idempotency) and
/// [`jobs`](crate::jobs).
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// Where [`MIGRATIONS`] keeps its history, apart from the service's.
const HISTORY: &str = "_pg_migrations";
/// Where a service keeps its history.
const SERVICE_HISTORY: &str = "_sqlx_migrations";

/// Why the database could not be brought up to date. Says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A file was changed after it had been applied.
    #[error(
        "migration {version} was edited after this database had applied it (history in {history}); \
         restore the file as it was and put the change into a new migration"
    )]
    Edited {
        /// The number of the file.
        version: i64,
        /// The table that remembers what was applied.
        history: String,
    },
    /// A later release has already run here.
    #[error(
        "the database has migration {version} (history in {history}), which this program does not know: \
         a newer release has run here; start that release or a later one"
    )]
    NewerDatabase {
        /// The number of the unknown migration.
        version: i64,
        /// The table that remembers what was applied.
        history: String,
    },
    /// Our role may not change the schema.
    #[error(
        "the database does not let this user migrate it (history in {history}): make the user the owner of the \
         database and of all in it, or run `souk migrate` with an address whose user is, and start with MIGRATE_ON_START=off"
    )]
    Forbidden {
        /// The table that remembers what was applied.
        history: String,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// A migration was refused by the database.
    #[error(
        "migration {version} failed and was rolled back (history in {history}); mend its cause and start again"
    )]
    Failed {
        /// The number of the file.
        version: i64,
        /// The table that remembers what was applied.
        history: String,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// The database did not answer.
    #[error("could not reach the database to migrate it; check its URL and that it runs")]
    Store(#[from] sqlx::Error),
    /// Anything else from the migrator.
    #[error("could not migrate the database (history in {history})")]
    Other {
        /// The table that remembers what was applied.
        history: String,
        /// What the migrator said.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
}

/// Applies what is missing of [`MIGRATIONS`], then of `service`.
///
/// # Errors
/// See [`MigrateError`]; what was applied before the error stays, and starting again goes on from there.
pub async fn migrate(pool: &PgPool, service: &Migrator) -> Result<(), MigrateError> {
    migrate_all(pool, &[(SERVICE_HISTORY, service)]).await
}

/// Applies what is missing of [`MIGRATIONS`], then of each list; each has a history table of its own.
///
/// # Errors
/// See [`MigrateError`].
pub async fn migrate_all(pool: &PgPool, lists: &[(&str, &Migrator)]) -> Result<(), MigrateError> {
    // A connection of its own: the lock of a failed run ends with it instead of going back into the pool,
    // and a long migration is not cut off by the requests' statement timeout.
    let mut conn = PgConnection::connect_with(&pool.connect_options()).await?;
    conn.execute("set statement_timeout = 0; set lock_timeout = '60s'")
        .await?;
    for (history, list) in [(HISTORY, &MIGRATIONS)].iter().chain(lists) {
        run(&mut conn, history, list).await?;
    }
    conn.close().await?;
    Ok(())
}

async fn run(conn: &mut PgConnection, history: &str, list: &Migrator) -> Result<(), MigrateError> {
    let mut migrator = Migrator::with_migrations(list.iter().cloned().collect());
    migrator.dangerous_set_table_name(history.to_owned());
    migrator.run_direct(None, conn, false).await.map_err(|error| {
        use sqlx::migrate::MigrateError as Theirs;
        let history = history.to_owned();
        match error {
            Theirs::VersionMismatch(version) => MigrateError::Edited { version, history },
            Theirs::VersionMissing(version) => MigrateError::NewerDatabase { version, history },
            Theirs::ExecuteMigration(source, _) | Theirs::Execute(source) if is_forbidden(&source) => {
                MigrateError::Forbidden { history, source }
            }
            Theirs::ExecuteMigration(source, version) => MigrateError::Failed {
                version,
                history,
                source,
            },
            Theirs::Execute(source) => MigrateError::Store(source),
            source => MigrateError::Other { history, source },
        }
    })
}

/// Whether a migration of [`MIGRATIONS`] or of `lists` still waits to be applied. A database that is *newer*
/// than this program is not pending: the previous release keeps working while the next one rolls out.
///
/// # Errors
/// The database did not answer.
pub async fn pending(pool: &PgPool, lists: &[(&str, &Migrator)]) -> Result<bool, sqlx::Error> {
    let mut conn = pool.acquire().await?;
    for (history, list) in [(HISTORY, &MIGRATIONS)].iter().chain(lists) {
        let exists = sqlx::query_scalar!(r#"select to_regclass($1) is not null as "exists!""#, *history)
            .fetch_one(&mut *conn)
            .await?;
        if !exists {
            return Ok(true);
        }
        // The table's name is a constant of a service, never input.
        let applied: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(format!(
            "select version from {history} where success"
        )))
        .fetch_all(&mut *conn)
        .await?;
        if list.iter().any(|migration| !applied.contains(&migration.version)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a service can work on its database, else why not, in a sentence for whoever asks.
///
/// # Errors
/// Migrations are pending, the database does not answer, or it refuses; of the last the log says more.
pub async fn ready(pool: &PgPool, lists: &[(&str, &Migrator)]) -> Result<(), String> {
    match pending(pool, lists).await {
        Ok(false) => Ok(()),
        Ok(true) => {
            Err("migrations are pending: run `souk migrate`, or start with MIGRATE_ON_START=on".to_owned())
        }
        Err(error) if crate::is_unavailable(&error) => Err("the database does not answer".to_owned()),
        Err(error) if is_forbidden(&error) => {
            tracing::warn!(%error, "not ready: the database does not let this user read it");
            Err("the database does not let this user read what was migrated: grant it the rights to read and write \
                 its tables, or start as their owner; the log names one"
                .to_owned())
        }
        Err(error) => {
            tracing::warn!(%error, "not ready: the database refuses to tell what was migrated");
            Err("the database refuses to tell what was migrated; the log says why".to_owned())
        }
    }
}
