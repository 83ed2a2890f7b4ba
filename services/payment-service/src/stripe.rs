//! Stripe, as much of it as the shop needs: a typed client, webhook signatures, and amounts as Stripe counts them.
//! See docs/adr/0003-own-stripe-client.md for why this is ours.

mod amount;
mod client;
mod dispute;
mod error;
mod objects;
mod signature;

use runtime::Dependency;

pub use amount::{from_provider, to_provider};
pub use client::{NewIntent, NewRefund, Page, Stripe, StripeSettings};
pub use dispute::{BalanceTransaction, Dispute, EvidenceDetails};
pub use error::{Cause, Declined, StripeError};
pub use objects::{Charge, Event, EventData, Intent, Refund};
pub use signature::{BadSignature, NoSecret, Signatures, sign};

impl Stripe {
    /// How the provider is, as the latest calls found it: nobody is called for this.
    pub(crate) fn dependency(&self) -> Dependency {
        let breaker = self.breaker.clone();
        Dependency::new("stripe", move || {
            std::future::ready(if breaker.is_open() {
                Err("unavailable")
            } else {
                Ok(())
            })
        })
    }
}
