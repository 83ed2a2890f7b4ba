//! Refunds: money that goes back.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Metadata;

/// Where a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefundStatus {
    Pending,
    Succeeded,
    Failed,
}

/// Money that goes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) charge: String,
    pub(crate) payment_intent: String,
    pub(crate) status: RefundStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure_reason: Option<String>,
    /// When the bank has its last word on it, in seconds, and which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settles: Option<(i64, RefundStatus)>,
    /// Its movement of the balance, and that of the money coming back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) balance_transaction: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure_balance_transaction: Option<String>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub(crate) metadata: Metadata,
}

impl Refund {
    /// As the wire shows it.
    pub(crate) fn render(&self) -> Value {
        let status = match self.status {
            RefundStatus::Pending => "pending",
            RefundStatus::Succeeded => "succeeded",
            RefundStatus::Failed => "failed",
        };
        let mut refund = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": self.balance_transaction,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "destination_details": {
                "card": {
                    "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund",
                },
                "type": "card",
            },
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "reason": self.reason,
            "receipt_number": null,
            "source_transfer_reversal": null,
            "status": status,
            "transfer_reversal": null,
        });
        let only_if_there = [
            ("failure_reason", &self.failure_reason),
            ("failure_balance_transaction", &self.failure_balance_transaction),
        ];
        if let Some(refund) = refund.as_object_mut() {
            for (name, value) in only_if_there {
                refund.extend(value.as_deref().map(|value| (name.to_owned(), value.into())));
            }
            if self.status == RefundStatus::Pending {
                refund.insert("pending_reason".to_owned(), "processing".into());
            }
        }
        refund
    }
}
