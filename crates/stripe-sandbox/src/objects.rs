//! Stripe's objects. What is kept is lean (the journal holds it); `render` gives the shape of the wire.

mod balance;
mod charge;
mod dispute;
mod event;
mod payment_intent;
mod refund;

pub(crate) use balance::{BalanceTransaction, Movement, payment_fee};
pub(crate) use charge::{Charge, Failure};
pub(crate) use dispute::{Dispute, DisputeStatus, EVIDENCE};
pub(crate) use event::{Cause, Event, Snapshot};
pub(crate) use payment_intent::{IntentStatus, PaymentError, PaymentIntent};
pub(crate) use refund::{Refund, RefundStatus};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cards::Card;
use crate::error::ApiError;

/// What a client wrote onto an object.
pub(crate) type Metadata = BTreeMap<String, String>;

const MOST_KEYS: usize = 50;
const LONGEST_KEY: usize = 40;
const LONGEST_VALUE: usize = 500;

/// Writes `changes` into `metadata`: an empty value removes its key, no changes at all clear it.
pub(crate) fn merge(metadata: &mut Metadata, changes: Vec<(String, String)>) -> Result<(), ApiError> {
    if changes.is_empty() {
        metadata.clear();
    }
    for (key, value) in changes {
        if key.is_empty() || key.chars().count() > LONGEST_KEY {
            return Err(ApiError::invalid(
                "metadata",
                "Metadata keys must be 1 to 40 characters long.",
            ));
        }
        if value.chars().count() > LONGEST_VALUE {
            let why = "Metadata values can have up to 500 characters.";
            return Err(ApiError::invalid(&format!("metadata[{key}]"), why));
        }
        if value.is_empty() {
            metadata.remove(&key);
        } else {
            metadata.insert(key, value);
        }
    }
    if metadata.len() > MOST_KEYS {
        return Err(ApiError::invalid(
            "metadata",
            "You can have up to 50 metadata keys.",
        ));
    }
    Ok(())
}

/// A card that was used, under an id of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PaymentMethod {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) card: Card,
}

impl PaymentMethod {
    pub(crate) fn render(&self) -> Value {
        json!({
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": no_billing_details(),
            "card": self.card.render(),
            "created": self.created,
            "customer": null,
            "livemode": false,
            "metadata": {},
            "type": "card",
        })
    }
}

fn no_billing_details() -> Value {
    json!({
        "address": {"city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null},
        "email": null, "name": null, "phone": null, "tax_id": null,
    })
}
