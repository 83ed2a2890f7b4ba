//! The public routes.

mod create_intent;
mod create_refund;
mod get_payment;
mod list_ledger;
mod once;
mod receive_webhook;
pub mod routes;
