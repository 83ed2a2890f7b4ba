//! Payments and refunds, as clients see them.

use serde::{Deserialize, Serialize};
use types::{DecimalText, OrderId, PaymentId, RefundId};
use utoipa::ToSchema;

/// Asks for the intent by which an order is paid.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateIntent {
    /// One of the caller's own orders.
    pub order_id: OrderId,
}

/// What a browser needs to pay. The amount is the order's; nothing that a client sends changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// The provider's id of the intent.
    pub payment_intent_id: String,
    /// Lets its holder pay, and nothing else. Shown to the order's owner only.
    pub client_secret: String,
    /// What will be charged, such as `1999.99`.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// `pending`, `processing`, `requires_action` or `failed` (another card may be tried).
    pub status: String,
}

/// An order's payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The payment.
    pub id: PaymentId,
    /// The order it is for.
    pub order_id: OrderId,
    /// The provider's id of the intent, once there is one.
    pub payment_intent_id: Option<String>,
    /// `pending`, `processing`, `requires_action`, `failed`, `succeeded`, `cancelled`, `mismatch`,
    /// `partially_refunded` or `refunded`.
    pub status: String,
    /// What the order costs.
    pub amount: String,
    /// What arrived.
    pub amount_captured: String,
    /// What went back.
    pub amount_refunded: String,
    /// ISO 4217.
    pub currency: String,
    /// `none`, or the provider's word for where a dispute stands: `warning_needs_response`, `warning_under_review`,
    /// `warning_closed`, `needs_response`, `under_review`, `won`, `lost` or `prevented`.
    pub dispute_status: String,
    /// Until when the provider takes evidence, while it waits for some; RFC 3339.
    pub evidence_due_by: Option<String>,
    /// Why the last attempt failed, in the provider's word.
    pub last_error: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
}

/// Sends money back.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateRefund {
    /// The order whose money goes back.
    pub order_id: OrderId,
    /// How much, in major units; all that is left if absent.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "19.99")]
    pub amount: Option<DecimalText>,
    /// Why, in a few words; kept with the refund.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Money that goes or went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refund {
    /// The refund.
    pub id: RefundId,
    /// The payment it takes from.
    pub payment_id: PaymentId,
    /// The order.
    pub order_id: OrderId,
    /// How much.
    pub amount: String,
    /// ISO 4217.
    pub currency: String,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    pub status: String,
    /// Why, as it was given.
    pub reason: Option<String>,
    /// RFC 3339.
    pub created_at: String,
}

/// The answer to a webhook: the event is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookReceived {
    /// Always true.
    pub received: bool,
}
