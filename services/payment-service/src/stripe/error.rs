//! How a call to Stripe may fail: a clear no, or not known.

use std::time::Duration;

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum StripeError {
    /// A clear no; nothing was changed over there.
    #[error("the payment provider refused: {0}")]
    Refused(Declined),
    /// Whether it was done cannot be said. Ask again with the same key, or look.
    #[error("the payment provider gave no clear answer: {0}")]
    Unknown(Cause),
}

/// Stripe's own words for a no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {message}", code = code.as_deref().unwrap_or("-"))]
pub struct Declined {
    /// The HTTP status.
    pub status: u16,
    /// Such as `amount_too_small`.
    pub code: Option<String>,
    /// Such as `insufficient_funds`, from the card's bank.
    pub decline_code: Option<String>,
    /// For the log; may name ids, never a secret.
    pub message: String,
}

impl Declined {
    /// Whether it is refused for this reason.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// Why the outcome is not known.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The deadline passed.
    #[error("no answer in time")]
    TimedOut,
    /// No connection, or it broke.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It answered with a fault of its own, asked for patience, or did not take our key.
    #[error("it answered {0}")]
    Status(u16),
    /// Another request with the same idempotency key is running.
    #[error("the same request is still running over there")]
    Busy,
    /// The answer is not what it documents.
    #[error("its answer cannot be read: {0}")]
    Unreadable(String),
    /// It failed too often just now to be asked again at once.
    #[error("it is given a rest")]
    Resting(Duration),
}
