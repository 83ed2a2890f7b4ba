//! Values and rules of money for orders: pure, without I/O or a clock.

#[cfg(test)]
mod convergence;
pub mod dispute;
pub mod drift;
pub mod ledger;
pub mod payment;
pub mod refund;
pub mod refusal;

pub use dispute::{Dispute, DisputeStatus, Disputed, Moved};
pub use payment::{IntentSeen, IntentState, News, Payment, Status};
pub use refund::{Refund, RefundSeen, RefundStatus};
pub use refusal::Refusal;
