//! Stripe, as much of it as the shop needs: a typed client, webhook signatures, and amounts as Stripe counts them.
//! See docs/adr/0003-own-stripe-client.md for why this is ours.

mod amount;
mod client;
mod dispute;
mod error;
mod judge;
mod objects;
mod signature;

pub use amount::{from_provider, to_provider};
pub use client::{NewIntent, NewRefund, Page, Stripe, StripeSettings};
pub use dispute::{BalanceTransaction, Dispute, EvidenceDetails};
pub use error::{Cause, Declined, StripeError};
pub use objects::{Charge, Event, EventData, Intent, Refund};
pub use signature::{BadSignature, NoSecret, Signatures, sign};
