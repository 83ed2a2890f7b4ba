//! The engine against a real PostgreSQL: what it promises when things go wrong.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, also in what its tests share"
)]

mod crash;
mod ends;
mod fencing;
mod harness;
mod inline;
mod simulation;
mod trip;
mod waking;
mod workers;
