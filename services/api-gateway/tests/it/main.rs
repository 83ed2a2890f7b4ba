//! The gateway between clients and doubles of its services.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in what its tests share"
)]

mod compression;
mod cors;
mod failures;
mod harness;
mod headers;
mod limits;
mod metrics;
mod pages;
mod rates;
mod routing;
mod settings;
mod shared_rates;
mod smuggling;
mod tokens;
mod webhook;
