//! product-service against a real PostgreSQL, its routers called in memory.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in what its tests share"
)]

mod books;
mod buckets;
mod catalogue;
mod concurrency;
mod counts;
mod extending;
mod folding;
mod galleries;
mod harness;
mod illustrating;
mod images;
mod model;
mod outages;
mod pictures;
mod pins;
mod reservations;
mod shared_cache;
mod statements;
mod sweep;
