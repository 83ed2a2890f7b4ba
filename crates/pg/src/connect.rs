//! Opening a pool, and what it means that there is none.

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::pool::{FORBIDDEN, MAX_LIFETIME, PgSettings};

/// Why a database cannot be used. Says what to do about it, and never a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is none.
    #[error(
        "the database's address cannot be read: it looks like postgres://user:password@host:5432/database, and in the \
         password @, / and % are written %40, %2F and %25"
    )]
    Address(#[source] Option<sqlx::Error>),
    /// Nobody is there.
    #[error(
        "no PostgreSQL answers at {at}: see that it runs and can be reached from here, or mend the database's address"
    )]
    Silent {
        /// Where.
        at: String,
        /// What came instead of an answer, if anything did.
        #[source]
        source: Option<sqlx::Error>,
    },
    /// Somebody is there, who does not know us.
    #[error("PostgreSQL at {at} does not take the user or the password: mend them in the database's address")]
    Login {
        /// Where, and who we said we are.
        at: String,
        /// What the server said.
        #[source]
        source: sqlx::Error,
    },
    /// The server has no such database.
    #[error("PostgreSQL has no database at {at}: make it, or mend the database's address")]
    NoDatabase {
        /// Where.
        at: String,
        /// What the server said.
        #[source]
        source: sqlx::Error,
    },
    /// The database is there, and not for us.
    #[error(
        "PostgreSQL at {at} does not let this user into the database: grant it `connect`, or mend the database's address"
    )]
    Forbidden {
        /// Where, and who we said we are.
        at: String,
        /// What the server said.
        #[source]
        source: sqlx::Error,
    },
    /// The server does not want us for another reason.
    #[error("PostgreSQL at {at} refuses the connection")]
    Refused {
        /// Where.
        at: String,
        /// What the server said.
        #[source]
        source: sqlx::Error,
    },
}

/// Opens a pool and proves it with one connection.
///
/// # Errors
/// The address is wrong, nobody answers there within the acquire timeout, or the server does not want us.
pub async fn connect(settings: &PgSettings) -> Result<PgPool, ConnectError> {
    // Anything else would be read as the name of a database, and shown as one.
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| settings.url.starts_with(scheme))
    {
        return Err(ConnectError::Address(None));
    }
    let options = settings
        .connect_options()
        .map_err(|e| ConnectError::Address(Some(e)))?;
    let at = place(&options);
    PgPoolOptions::new()
        .max_connections(settings.max_connections)
        .acquire_timeout(settings.acquire_timeout)
        .max_lifetime(MAX_LIFETIME)
        // A ping before each use would be a second round trip; a dead connection shows at the first statement.
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|source| tell(at, source))
}

fn tell(at: String, source: sqlx::Error) -> ConnectError {
    let code = source
        .as_database_error()
        .and_then(|e| e.code().map(|code| code.into_owned()));
    match code.as_deref() {
        // invalid_authorization_specification, invalid_password
        Some("28000" | "28P01") => ConnectError::Login { at, source },
        // invalid_catalog_name
        Some("3D000") => ConnectError::NoDatabase { at, source },
        Some(FORBIDDEN) => ConnectError::Forbidden { at, source },
        Some(_) => ConnectError::Refused { at, source },
        None => {
            // That nobody answered in time is what the pool says whatever happened.
            let source = Some(source).filter(|e| !matches!(e, sqlx::Error::PoolTimedOut));
            ConnectError::Silent { at, source }
        }
    }
}

/// `user@host:port/database`.
fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    let host = options
        .get_socket()
        .map_or_else(|| options.get_host().to_owned(), |dir| dir.display().to_string());
    format!(
        "{}@{host}:{}/{database}",
        options.get_username(),
        options.get_port()
    )
}
