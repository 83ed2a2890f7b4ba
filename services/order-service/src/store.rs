//! SQL, one statement a function, on a connection that the caller holds.

pub mod audit;
pub mod facts;
pub mod fulfilment;
pub mod history;
pub mod list;
pub mod orders;
pub mod place;
mod row;

use crate::error::OrderError;

/// Turns a failed statement into the fault that says what was being done.
pub(crate) fn fault(doing: &'static str) -> impl FnOnce(sqlx::Error) -> OrderError {
    move |source| OrderError::Store { doing, source }
}
