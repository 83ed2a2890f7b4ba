//! The shop as a whole.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and its tasks end with it"
)]

mod audit;
mod crashes;
mod expiry;
mod full_disk;
mod isolation;
mod jobs;
mod logs;
mod mails;
mod mistakes;
mod outages;
mod prove;
mod provider;
mod race;
mod readme;
mod reconcile;
mod sagas;
mod tamperings;
mod up;
