//! The few fields that are read of Stripe's objects. Everything else it may send, now or later, is ignored.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};
use types::{Currency, OrderId, RefundId};

use super::amount::from_provider;
use crate::domain::{IntentSeen, IntentState, RefundSeen, RefundStatus};

/// A payment intent.
#[derive(Clone, Debug, Deserialize)]
pub struct Intent {
    /// `pi_…`.
    pub id: String,
    /// Where it stands; a word we do not know counts as open.
    pub status: String,
    /// What was asked for, as Stripe counts.
    #[serde(default)]
    pub amount: i64,
    /// What arrived, as Stripe counts. Where a provider does not say (localstripe) one that succeeded brought all of it:
    /// nothing is captured in part.
    pub amount_received: Option<i64>,
    /// Lower case.
    pub currency: String,
    /// Lets its holder pay.
    pub client_secret: Option<String>,
    /// The last attempt; its id, also where the provider sends all of it.
    #[serde(default, deserialize_with = "id_of")]
    pub latest_charge: Option<String>,
    /// Why that failed.
    pub last_payment_error: Option<PaymentError>,
    /// What we wrote onto it.
    #[serde(default)]
    pub metadata: HashMap<String, String>,
    /// Whether it is about real money.
    pub livemode: bool,
}

/// Why an attempt failed.
#[derive(Clone, Debug, Deserialize)]
pub struct PaymentError {
    /// Such as `card_declined`.
    pub code: Option<String>,
    /// Such as `insufficient_funds`.
    pub decline_code: Option<String>,
    /// The attempt.
    pub charge: Option<String>,
}

impl Intent {
    /// The order that it is for, by what we wrote onto it.
    #[must_use]
    pub fn order_id(&self) -> Option<OrderId> {
        self.metadata.get("order_id")?.parse().ok()
    }

    /// As a payment takes it in.
    #[must_use]
    pub fn seen(&self) -> IntentSeen {
        let error = self.last_payment_error.as_ref();
        let state = match self.status.as_str() {
            "succeeded" => {
                let code = self.currency.to_ascii_uppercase();
                let received = self.amount_received.unwrap_or(self.amount);
                let minor = Currency::parse(&code)
                    .ok()
                    .and_then(|c| from_provider(received, c))
                    .unwrap_or(received);
                IntentState::Succeeded {
                    minor,
                    currency: code,
                }
            }
            "canceled" => IntentState::Cancelled,
            "processing" | "requires_capture" => IntentState::Processing,
            "requires_action" => IntentState::RequiresAction,
            _ => match error {
                Some(error) => IntentState::Failed(error.word()),
                None => IntentState::Open,
            },
        };
        IntentSeen {
            id: self.id.clone(),
            client_secret: self.client_secret.clone(),
            charge: error
                .and_then(|e| e.charge.clone())
                .or_else(|| self.latest_charge.clone()),
            state,
        }
    }
}

impl PaymentError {
    fn word(&self) -> String {
        let word = self.decline_code.as_ref().or(self.code.as_ref());
        word.cloned().unwrap_or_else(|| "unknown".to_owned())
    }
}

/// A refund.
#[derive(Clone, Debug, Deserialize)]
pub struct Refund {
    /// `re_…`.
    pub id: String,
    /// As Stripe counts.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    /// Where it stands.
    pub status: Option<String>,
    /// What it takes from.
    pub payment_intent: Option<String>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// What we wrote onto it.
    #[serde(default)]
    pub metadata: Option<HashMap<String, String>>,
}

impl Refund {
    /// As a payment takes it in. A word that we do not know counts as pending.
    #[must_use]
    pub fn seen(&self) -> RefundSeen {
        let minor = Currency::parse(&self.currency)
            .ok()
            .and_then(|c| from_provider(self.amount, c));
        let status = self.status.as_deref().and_then(RefundStatus::named);
        RefundSeen {
            id: self.id.clone(),
            refund_id: self.refund_id(),
            amount_minor: minor.unwrap_or(self.amount),
            status: status.unwrap_or(RefundStatus::Pending),
            failure: self.failure_reason.clone(),
        }
    }

    /// Our row, where we made it.
    #[must_use]
    pub fn refund_id(&self) -> Option<RefundId> {
        self.metadata.as_ref()?.get("refund_id")?.parse().ok()
    }
}

/// A charge: one attempt that went through.
#[derive(Clone, Debug, Deserialize)]
pub struct Charge {
    /// The intent it belongs to.
    pub payment_intent: Option<String>,
}

/// The id of what may have been sent whole.
pub(super) fn id_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Reference {
        Id(String),
        Whole { id: String },
    }
    let reference = Option::<Reference>::deserialize(deserializer)?;
    Ok(reference.map(|reference| match reference {
        Reference::Id(id) | Reference::Whole { id } => id,
    }))
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// The envelope of a webhook.
#[derive(Clone, Debug, Deserialize)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// Such as `payment_intent.succeeded`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is about real money.
    pub livemode: bool,
    /// Set when it is about an account other than the one whose endpoint this is.
    #[serde(default)]
    pub account: Option<String>,
    /// What it is about.
    pub data: EventData,
}

/// What an event is about.
#[derive(Clone, Debug, Deserialize)]
pub struct EventData {
    /// Read once the type is known.
    pub object: serde_json::Value,
}
