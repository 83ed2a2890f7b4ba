//! How rows become payments and refunds. What the database holds was checked when it was written; a value that
//! cannot be read is a fault.

use time::OffsetDateTime;
use types::{Currency, Money, OrderId, PaymentId, RefundId, UserId};

use crate::domain::{DisputeStatus, Disputed, Payment, Refund, RefundStatus, Status};
use crate::error::PaymentError;

/// A row of `payments`.
pub(crate) struct PaymentRow {
    pub id: i64,
    pub order_id: i64,
    pub user_id: Option<i64>,
    pub amount_minor: Option<i64>,
    pub currency: Option<String>,
    pub status: String,
    pub payment_intent_id: Option<String>,
    pub client_secret: Option<String>,
    pub captured_minor: i64,
    pub refunded_minor: i64,
    pub refund_pending_minor: i64,
    pub mismatched: bool,
    pub dispute_status: String,
    pub disputed_minor: i64,
    pub evidence_due_by: Option<OffsetDateTime>,
    pub last_error: Option<String>,
    pub version: i64,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

impl TryFrom<PaymentRow> for Payment {
    type Error = PaymentError;

    fn try_from(row: PaymentRow) -> Result<Self, PaymentError> {
        let currency = row.currency.as_deref().map(Currency::parse).transpose();
        let currency = currency.map_err(|_| PaymentError::Corrupt("currency"))?;
        let user_id = row.user_id.map(UserId::new).transpose();
        Ok(Self {
            id: PaymentId::new(row.id).map_err(|_| PaymentError::Corrupt("id"))?,
            order_id: OrderId::new(row.order_id).map_err(|_| PaymentError::Corrupt("order"))?,
            user_id: user_id.map_err(|_| PaymentError::Corrupt("user"))?,
            amount: row
                .amount_minor
                .zip(currency)
                .map(|(minor, c)| Money::from_minor(minor, c)),
            status: Status::named(&row.status).ok_or(PaymentError::Corrupt("status"))?,
            intent_id: row.payment_intent_id,
            client_secret: row.client_secret,
            captured_minor: row.captured_minor,
            refunded_minor: row.refunded_minor,
            refund_pending_minor: row.refund_pending_minor,
            mismatched: row.mismatched,
            disputed: Disputed {
                status: dispute_status(&row.dispute_status)?,
                evidence_due_by: row.evidence_due_by,
                withheld_minor: row.disputed_minor,
            },
            last_error: row.last_error,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// `none` where there is no dispute.
fn dispute_status(word: &str) -> Result<Option<DisputeStatus>, PaymentError> {
    if word == "none" {
        return Ok(None);
    }
    DisputeStatus::named(word)
        .map(Some)
        .ok_or(PaymentError::Corrupt("dispute status"))
}

/// A row of `refunds`.
pub(crate) struct RefundRow {
    pub id: i64,
    pub payment_id: i64,
    pub amount_minor: i64,
    pub status: String,
    pub provider_id: Option<String>,
    pub reason: Option<String>,
    pub error: Option<String>,
    pub created_at: OffsetDateTime,
}

impl TryFrom<RefundRow> for Refund {
    type Error = PaymentError;

    fn try_from(row: RefundRow) -> Result<Self, PaymentError> {
        Ok(Self {
            id: RefundId::new(row.id).map_err(|_| PaymentError::Corrupt("refund"))?,
            payment_id: PaymentId::new(row.payment_id).map_err(|_| PaymentError::Corrupt("refund"))?,
            amount_minor: row.amount_minor,
            status: RefundStatus::named(&row.status).ok_or(PaymentError::Corrupt("refund status"))?,
            provider_id: row.provider_id,
            reason: row.reason,
            error: row.error,
            created_at: row.created_at,
        })
    }
}
