//! payment-service against a real Postgres and the sandbox over a real socket; its neighbours are doubles at the wire.

mod doubles;
mod harness;

mod access;
mod convergence;
mod intents;
mod outages;
mod refunds;
mod webhooks;
