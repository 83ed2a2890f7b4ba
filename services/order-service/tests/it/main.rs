//! order-service against a real Postgres; its neighbours are doubles at the wire, with a memory and a temper.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, also in what its tests share"
)]

mod disputes;
mod doubles;
mod harness;

mod carts;
mod crossing;
mod deep;
mod jobs;
mod keys;
mod late_money;
mod lists;
mod mails;
mod moving;
mod payment;
mod pins;
mod placing;
mod sellers;
mod shedding;
mod statements;
mod states;
mod sweep;
mod taxes;
mod unfinished;
