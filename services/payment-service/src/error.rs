//! The service's refusals and faults, and the matches that turn them into problems and gRPC statuses.

use std::time::Duration;

use serde_json::{Value, json};
use souk_http::Problem;
use tonic::Status;
use wire::code;
use wire::rpc::Refused;

use crate::domain::Refusal;
use crate::stripe::Cause;

/// When to ask again while the provider, a neighbour or the database does not answer.
const RETRY: Duration = Duration::from_secs(2);

/// A refusal, or a fault that only storing and calling can meet.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// The client can mend it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error("could not {doing}")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: sqlx::Error,
    },
    /// The database holds what cannot be.
    #[error("the database holds a payment with a bad {0}")]
    Corrupt(&'static str),
    /// The provider gave no clear answer. Whatever was asked for is written down and will be settled.
    #[error("the payment provider gave no clear answer")]
    Provider(#[source] Cause),
    /// It is done later: something else about the money has to end before. To be asked for again.
    #[error("this waits: {0}")]
    Waits(&'static str),
    /// order-service said no.
    #[error("order-service refused: {}", .0.detail)]
    Order(Refused),
    /// order-service gave no answer.
    #[error("order-service did not answer: {}", .0.message())]
    Peer(tonic::Status),
    /// Another request with the same idempotency key does this work.
    #[error("another request with this idempotency key took over")]
    TakenOver,
    /// An event about an intent that is not, or not yet, in our books, or of a kind that nobody reads.
    #[error("nothing here belongs to {0}")]
    Unknown(String),
    /// An event, or an answer, that does not look as the provider documents it.
    #[error("{what} cannot be read")]
    Unreadable {
        /// What was to be read.
        what: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

impl From<PaymentError> for Problem {
    fn from(error: PaymentError) -> Self {
        match error {
            PaymentError::Refused(refusal) => Self::refused(refusal.into()),
            PaymentError::Order(refused) => Self::refused(refused),
            PaymentError::Store { ref source, .. } if pg::is_unavailable(source) => {
                Self::unavailable(error, RETRY)
            }
            error @ PaymentError::Store { .. } => Self::fault(error),
            error @ PaymentError::Corrupt(_) => Self::fault(error),
            error @ PaymentError::Provider(_) => Self::unavailable(error, RETRY)
                .detail("The payment provider does not answer at the moment; try again shortly."),
            error @ (PaymentError::Peer(_) | PaymentError::Waits(_)) => Self::unavailable(error, RETRY),
            PaymentError::TakenOver => Self::new(code::IDEMPOTENCY_IN_PROGRESS).retry_after(RETRY),
            error @ PaymentError::Unknown(_) => Self::fault(error),
            error @ PaymentError::Unreadable { .. } => Self::fault(error),
        }
    }
}

impl From<PaymentError> for Status {
    /// A refusal keeps its word; everything else leaves the outcome open, so that the caller asks again.
    fn from(error: PaymentError) -> Self {
        match error {
            PaymentError::Refused(refusal) => Refused::from(refusal).into_status(),
            PaymentError::Order(refused) => refused.into_status(),
            // We are well: nobody is to think that we do not answer.
            PaymentError::Waits(_) => {
                tracing::warn!(%error, "money goes back later");
                Self::aborted(error.to_string())
            }
            PaymentError::Provider(_) | PaymentError::Peer(_) | PaymentError::TakenOver => {
                tracing::warn!(%error, "a call could not be served for now");
                Self::unavailable(error.to_string())
            }
            PaymentError::Store { .. }
            | PaymentError::Corrupt(_)
            | PaymentError::Unknown(_)
            | PaymentError::Unreadable { .. } => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, source, "a call failed");
                Self::unavailable("payment-service failed; the failure was logged")
            }
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let detail = format!("{refusal}.");
        let (code, data) = match refusal {
            Refusal::OrderNotFound(_) => (code::ORDER_NOT_FOUND, Value::Null),
            Refusal::PaymentNotFound(_) => (code::PAYMENT_NOT_FOUND, Value::Null),
            Refusal::NotPayable { status, .. } => (code::NOT_PAYABLE, json!({"orderStatus": status})),
            Refusal::OtherAmount { .. } => (code::IDEMPOTENCY_MISMATCH, Value::Null),
            Refusal::Cancelled(_) => (code::PAYMENT_CANCELLED, Value::Null),
            Refusal::AmountTooSmall(_) => (code::AMOUNT_TOO_SMALL, Value::Null),
            Refusal::NotRefundable(_) => (code::NOT_REFUNDABLE, Value::Null),
            Refusal::RefundTooLarge { left, .. } => (
                code::REFUND_TOO_LARGE,
                json!({"left": left.to_string(), "currency": left.currency().code()}),
            ),
            Refusal::Disputed(_) => (code::PAYMENT_DISPUTED, Value::Null),
            Refusal::Provider(_) => (code::PROVIDER_ERROR, Value::Null),
        };
        Self { code, detail, data }
    }
}
