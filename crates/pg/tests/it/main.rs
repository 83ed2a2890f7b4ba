//! This crate against a real PostgreSQL of its own.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, also in what its tests share"
)]

mod connect;
mod fold;
mod gauges;
mod harness;
mod idempotency;
mod inbox;
mod jobs;
mod migrate;
mod outbox;
mod pool;
mod retention;
mod server;
