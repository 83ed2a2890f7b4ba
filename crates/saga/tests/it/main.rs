//! The engine against a real PostgreSQL: what it promises when things go wrong.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, also in what its tests share"
)]

mod crash;
mod desk;
mod ends;
mod fencing;
mod harness;
mod inline;
mod interventions;
mod listing;
mod metrics;
mod simulation;
mod telling;
mod trip;
mod versions;
mod waking;
mod workers;
