//! Events: what happened, with the object as it was then.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Charge, Dispute, PaymentIntent, Refund};
use crate::API_VERSION;

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) created: i64,
    /// Such as `payment_intent.succeeded`.
    pub(crate) kind: String,
    pub(crate) object: Snapshot,
    #[serde(default)]
    pub(crate) cause: Cause,
}

/// The request that made it happen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cause {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

/// An object as it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Snapshot {
    PaymentIntent(PaymentIntent),
    Charge(Charge),
    Refund(Refund),
    Dispute(Dispute),
}

impl Event {
    /// As the wire shows it; `pending` is how many webhooks were not yet taken.
    pub(crate) fn render(&self, pending: usize) -> Value {
        let object = match &self.object {
            Snapshot::PaymentIntent(intent) => intent.render(),
            Snapshot::Charge(charge) => charge.render(),
            Snapshot::Refund(refund) => refund.render(),
            Snapshot::Dispute(dispute) => dispute.render(),
        };
        json!({
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": {"object": object},
            "livemode": false,
            "pending_webhooks": pending,
            "request": {"id": self.cause.request, "idempotency_key": self.cause.key},
            "type": self.kind,
        })
    }
}
