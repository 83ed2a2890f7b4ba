//! Against a real PostgreSQL.
mod idempotency;
