//! SQL, one statement a function, on a connection that the caller holds.

pub mod audit;
pub mod counts;
pub mod disputes;
pub mod facts;
pub mod ledger;
pub mod operations;
pub mod payments;
pub mod reconciliations;
pub mod refunds;
mod row;
pub mod webhooks;

use crate::error::PaymentError;

/// Turns a failed statement into the fault that says what was being done.
pub(crate) fn fault(doing: &'static str) -> impl FnOnce(sqlx::Error) -> PaymentError {
    move |source| PaymentError::Store { doing, source }
}
