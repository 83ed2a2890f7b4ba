//! SQL, one statement a function, on a connection that the caller holds.

pub mod audit;
pub mod categories;
pub mod counts;
pub mod expiry;
pub mod holds;
pub mod list;
pub mod pictures;
pub mod pins;
pub mod products;
pub mod reservations;
mod row;
pub mod shelf;

use crate::error::ProductError;

/// Turns a failed statement into the fault that says what was being done.
pub(crate) fn fault(doing: &'static str) -> impl FnOnce(sqlx::Error) -> ProductError {
    move |source| ProductError::Store { doing, source }
}
