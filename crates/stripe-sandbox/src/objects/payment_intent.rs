//! Payment intents: one payment, through as many attempts as it takes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Metadata, PaymentMethod};
use crate::error::doc_url;

/// Where an intent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Succeeded,
    Canceled,
}

impl IntentStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Canceled => "canceled",
        }
    }

    /// Whether it may still be paid.
    pub(crate) fn open(self) -> bool {
        match self {
            Self::RequiresPaymentMethod | Self::RequiresConfirmation | Self::RequiresAction => true,
            Self::Succeeded | Self::Canceled => false,
        }
    }
}

/// One payment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PaymentIntent {
    pub(crate) id: String,
    /// What follows `_secret_` in the client secret.
    pub(crate) secret: String,
    pub(crate) created: i64,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: IntentStatus,
    pub(crate) payment_method_types: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) automatic_payment_methods: bool,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub(crate) metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) receipt_email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payment_method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) latest_charge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_payment_error: Option<PaymentError>,
    /// Where the payer goes after 3-D Secure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) return_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) canceled_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cancellation_reason: Option<String>,
}

/// Why the last attempt failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PaymentError {
    pub(crate) code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decline_code: Option<String>,
    pub(crate) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) charge: Option<String>,
    pub(crate) payment_method: PaymentMethod,
}

impl PaymentError {
    fn render(&self) -> Value {
        let kind = if self.charge.is_some() {
            "card_error"
        } else {
            "invalid_request_error"
        };
        let mut error = json!({
            "code": self.code,
            "doc_url": doc_url(&self.code),
            "message": self.message,
            "payment_method": self.payment_method.render(),
            "type": kind,
        });
        if let Some(error) = error.as_object_mut() {
            error.extend(
                self.charge
                    .iter()
                    .map(|c| ("charge".to_owned(), c.as_str().into())),
            );
            error.extend(
                self.decline_code
                    .iter()
                    .map(|c| ("decline_code".to_owned(), c.as_str().into())),
            );
        }
        error
    }
}

impl PaymentIntent {
    /// Lets its holder pay.
    pub(crate) fn client_secret(&self) -> String {
        format!("{}_secret_{}", self.id, self.secret)
    }

    /// As the wire shows it.
    pub(crate) fn render(&self) -> Value {
        let received = if self.status == IntentStatus::Succeeded {
            self.amount
        } else {
            0
        };
        json!({
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": received,
            "application": null,
            "application_fee_amount": null,
            "automatic_payment_methods": self
                .automatic_payment_methods
                .then(|| json!({"allow_redirects": "always", "enabled": true})),
            "canceled_at": self.canceled_at,
            "cancellation_reason": self.cancellation_reason,
            "capture_method": "automatic",
            "client_secret": self.client_secret(),
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "customer": null,
            "description": self.description,
            "last_payment_error": self.last_payment_error.as_ref().map(PaymentError::render),
            "latest_charge": self.latest_charge,
            "livemode": false,
            "metadata": self.metadata,
            "next_action": self.next_action(),
            "on_behalf_of": null,
            "payment_method": self.payment_method,
            "payment_method_options": {
                "card": {
                    "installments": null, "mandate_options": null, "network": null,
                    "request_three_d_secure": "automatic",
                },
            },
            "payment_method_types": self.payment_method_types,
            "processing": null,
            "receipt_email": self.receipt_email,
            "review": null,
            "setup_future_usage": null,
            "shipping": null,
            "statement_descriptor": null,
            "statement_descriptor_suffix": null,
            "status": self.status.name(),
            "transfer_data": null,
            "transfer_group": null,
        })
    }

    fn next_action(&self) -> Option<Value> {
        if self.status != IntentStatus::RequiresAction {
            return None;
        }
        let url = format!("/_sandbox/payment_intents/{}/authenticate", self.id);
        Some(match &self.return_url {
            Some(back) => json!({
                "type": "redirect_to_url",
                "redirect_to_url": {"return_url": back, "url": url},
            }),
            None => json!({
                "type": "use_stripe_sdk",
                "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url},
            }),
        })
    }
}
