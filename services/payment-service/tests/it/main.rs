//! payment-service against a real Postgres and the sandbox over a real socket; its neighbours are doubles at the wire.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, also in what its tests share"
)]

mod counts;
mod disputes;
mod doubles;
mod harness;

mod access;
mod cards;
mod chargebacks;
mod convergence;
mod currencies;
mod folding;
mod intents;
mod ledger;
mod outages;
mod provider;
mod reconcile;
mod refunds;
mod refusals;
mod statements;
mod webhooks;
