//! Charges: one attempt to take money from a card.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Metadata, PaymentMethod, no_billing_details};

/// One attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) payment_intent: String,
    pub(crate) payment_method: PaymentMethod,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub(crate) metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) receipt_email: Option<String>,
    /// What went back.
    #[serde(default)]
    pub(crate) amount_refunded: i64,
    /// The payment's movement of the balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) balance_transaction: Option<String>,
    /// The last dispute of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dispute: Option<String>,
    /// When its holder is going to dispute it, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) disputes_at: Option<i64>,
    /// Whether 3-D Secure was passed.
    #[serde(default)]
    pub(crate) authenticated: bool,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
}

/// Why an attempt failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Charge {
    /// Whether the money was taken.
    pub(crate) fn paid(&self) -> bool {
        self.failure.is_none()
    }

    /// What may still go back.
    pub(crate) fn refundable(&self) -> i64 {
        if self.paid() {
            self.amount - self.amount_refunded
        } else {
            0
        }
    }

    /// As the wire shows it.
    pub(crate) fn render(&self) -> Value {
        let paid = self.paid();
        json!({
            "id": self.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if paid { self.amount } else { 0 },
            "amount_refunded": self.amount_refunded,
            "application": null,
            "application_fee": null,
            "application_fee_amount": null,
            "balance_transaction": self.balance_transaction,
            "billing_details": no_billing_details(),
            "calculated_statement_descriptor": "SOUK",
            "captured": paid,
            "created": self.created,
            "currency": self.currency,
            "customer": null,
            "description": self.description,
            "disputed": self.dispute.is_some(),
            "failure_balance_transaction": null,
            "failure_code": self.failure.as_ref().map(|f| &f.code),
            "failure_message": self.failure.as_ref().map(|f| &f.message),
            "fraud_details": {},
            "livemode": false,
            "metadata": self.metadata,
            "on_behalf_of": null,
            "outcome": self.outcome(),
            "paid": paid,
            "payment_intent": self.payment_intent,
            "payment_method": self.payment_method.id,
            "payment_method_details": {
                "card": self.payment_method.card.details(self.amount, paid, self.authenticated),
                "type": "card",
            },
            "receipt_email": self.receipt_email,
            "receipt_number": null,
            "receipt_url": null,
            "refunded": paid && self.amount_refunded == self.amount,
            "review": null,
            "shipping": null,
            "source_transfer": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": if paid { "succeeded" } else { "failed" },
            "transfer_data": null,
            "transfer_group": null,
        })
    }

    fn outcome(&self) -> Value {
        match &self.failure {
            None => json!({
                "advice_code": null, "network_advice_code": null, "network_decline_code": null,
                "network_status": "approved_by_network", "reason": null, "risk_level": "normal",
                "seller_message": "Payment complete.", "type": "authorized",
            }),
            Some(failure) => json!({
                "advice_code": null, "network_advice_code": null, "network_decline_code": null,
                "network_status": "declined_by_network", "reason": failure.reason, "risk_level": "normal",
                "seller_message": "The bank did not return any further details with this decline.",
                "type": "issuer_declined",
            }),
        }
    }
}
