//! Use cases with more than one entry point. All changes to a payment go through [`observe`].

pub mod beginning;
pub mod cancel_intent;
pub mod create_intent;
pub mod event_types;
pub mod observe;
pub mod observing;
pub mod reconcile;
pub mod refresh;
pub mod refund;
pub mod resolve;
pub mod settle;
pub mod storing;
pub mod take_events;
mod whose;
