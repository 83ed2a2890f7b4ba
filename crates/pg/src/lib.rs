//! Shared machinery over Postgres: the pool, migrations, events out ([`outbox`]) and in ([`inbox`]),
//! remembered requests ([`idempotency`]), work to be done later ([`jobs`]), and a private server of one's own
//! ([`server`]).
//!
//! Knows no service. Time is always a parameter, so that tests can move it.

pub mod audit;
pub mod connect;
pub mod fold;
pub mod gauges;
pub mod idempotency;
pub mod inbox;
pub mod jobs;
pub mod migrate;
pub mod outbox;
pub mod pool;
pub mod retention;

pub mod server;
#[cfg(feature = "testing")]
pub mod testing;

pub use connect::{ConnectError, connect};
pub use migrate::{MIGRATIONS, MigrateError, migrate, migrate_all, pending, ready};
pub use pool::{PgSettings, begin, constraint_of, is_unavailable, try_lock};
