//! Disputes: the card's holder asks the bank for the money back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{BalanceTransaction, Metadata};
use crate::cards::Card;

/// What may be said in a dispute; files are named by their ids.
pub(crate) const EVIDENCE: [&str; 27] = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
];

/// Where a dispute stands. The `Warning…` are those of an inquiry, which takes no money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DisputeStatus {
    WarningNeedsResponse,
    WarningUnderReview,
    WarningClosed,
    NeedsResponse,
    UnderReview,
    Won,
    Lost,
}

impl DisputeStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WarningNeedsResponse => "warning_needs_response",
            Self::WarningUnderReview => "warning_under_review",
            Self::WarningClosed => "warning_closed",
            Self::NeedsResponse => "needs_response",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    /// Whether it only asks.
    pub(crate) fn inquiry(self) -> bool {
        match self {
            Self::WarningNeedsResponse | Self::WarningUnderReview | Self::WarningClosed => true,
            Self::NeedsResponse | Self::UnderReview | Self::Won | Self::Lost => false,
        }
    }

    /// Whether it waits for the shop.
    pub(crate) fn needs_response(self) -> bool {
        matches!(self, Self::WarningNeedsResponse | Self::NeedsResponse)
    }

    /// Whether it has ended.
    pub(crate) fn closed(self) -> bool {
        matches!(self, Self::WarningClosed | Self::Won | Self::Lost)
    }
}

/// One dispute of one charge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Dispute {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) charge: String,
    pub(crate) payment_intent: String,
    pub(crate) card: Card,
    /// Such as `fraudulent`.
    pub(crate) reason: String,
    pub(crate) status: DisputeStatus,
    /// When evidence is no longer taken, in seconds.
    pub(crate) due_by: i64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) evidence: BTreeMap<String, String>,
    /// How often evidence was submitted.
    #[serde(default)]
    pub(crate) submissions: u32,
    /// When the bank decides on what was submitted, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decides: Option<(i64, DisputeStatus)>,
    /// What it took from the balance, and gave back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) movements: Vec<BalanceTransaction>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub(crate) metadata: Metadata,
}

impl Dispute {
    /// Whether the charge may be refunded all the same.
    pub(crate) fn refundable(&self) -> bool {
        self.status.inquiry() || self.status == DisputeStatus::Won
    }

    /// When something happens to it by itself, in seconds.
    pub(crate) fn acts_at(&self) -> Option<i64> {
        let deadline = self.status.needs_response().then_some(self.due_by);
        self.decides.map(|(at, _)| at).or(deadline)
    }

    /// As the wire shows it.
    pub(crate) fn render(&self) -> Value {
        let mut evidence: Map<String, Value> = EVIDENCE
            .iter()
            .map(|name| {
                (
                    (*name).to_owned(),
                    self.evidence
                        .get(*name)
                        .map_or(Value::Null, |v| v.as_str().into()),
                )
            })
            .collect();
        evidence.insert("enhanced_evidence".to_owned(), json!({}));
        let movements: Vec<Value> = self.movements.iter().map(BalanceTransaction::render).collect();
        json!({
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": movements,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "enhanced_eligibility_types": [],
            "evidence": evidence,
            "evidence_details": {
                "due_by": self.due_by,
                "enhanced_eligibility": {},
                "has_evidence": !self.evidence.is_empty(),
                "past_due": self.status.closed() && self.submissions == 0,
                "submission_count": self.submissions,
            },
            "is_charge_refundable": self.refundable(),
            "livemode": false,
            "metadata": self.metadata,
            "payment_intent": self.payment_intent,
            "payment_method_details": {
                "card": {
                    "brand": self.card.brand(),
                    "case_type": if self.status.inquiry() { "inquiry" } else { "chargeback" },
                    "network": self.card.brand(),
                    "network_reason_code": if self.reason == "fraudulent" { "10.4" } else { "13.1" },
                },
                "type": "card",
            },
            "reason": self.reason,
            "status": self.status.name(),
        })
    }
}
