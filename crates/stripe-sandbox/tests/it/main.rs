//! The stand-in as a client of Stripe meets it, and what it remembers.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in what its tests share"
)]

mod disputes;
mod faults;
mod harness;
mod idempotency;
mod memory;
mod payments;
mod receiver;
mod refunds;
mod time;
mod webhooks;
