//! user-service against a real PostgreSQL, its router called in memory.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in what its tests share"
)]

mod harness;
mod identity;
mod keys;
mod login;
mod operator;
mod password;
mod profile;
mod refresh;
mod register;
mod roles;
mod session_copy;
mod tokens;
