//! Use cases with more than one entry point. All changes to a payment go through [`observe`].

pub mod cancel_intent;
pub mod create_intent;
mod disputes;
pub mod observe;
pub mod reconcile;
pub mod refresh;
pub mod refund;
pub mod resolve;
pub mod settle;
pub mod take_event;
