//! The service's refusals and faults, and the one match that turns them into problems.

use std::time::Duration;

use saga::InterventionError;
use souk_http::Problem;
use wire::code;

use crate::domain::{Refusal, Status};
use crate::http::{keyed, place_order};

/// A refusal, or a fault that only storing and calling can meet.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
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
    #[error("the database holds an order with a bad {0}")]
    Corrupt(&'static str),
    /// What a neighbour told.
    #[error(transparent)]
    Event(#[from] bus::Unreadable),
    /// A neighbour gave no answer.
    #[error("the {peer} service did not answer: {}", source.message())]
    Peer {
        /// Which.
        peer: &'static str,
        /// What came instead.
        source: tonic::Status,
    },
    /// Another request with the same key took over; nothing was written.
    #[error("another request with this idempotency key took over")]
    KeyTaken,
    /// Too many orders are being placed; nothing was written.
    #[error("more orders come in than can be placed at once, and nothing was written for this one")]
    Crowded,
    /// Nobody could intervene in a saga.
    #[error(transparent)]
    Intervention(InterventionError),
    /// The saga engine failed.
    #[error("the checkout could not be driven")]
    Saga(#[source] saga::SagaError),
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Refused(refusal) => refusal.into(),
            OrderError::Store { ref source, .. } if pg::is_unavailable(source) => {
                Self::unavailable(error, Duration::from_secs(2))
            }
            error @ OrderError::Store { .. } => Self::fault(error),
            error @ (OrderError::Corrupt(_) | OrderError::Event(_)) => Self::fault(error),
            error @ OrderError::Peer { .. } => Self::unavailable(error, Duration::from_secs(2)),
            OrderError::KeyTaken => keyed::in_progress().retry_after(Duration::from_secs(1)),
            // Not logged one by one: there are many of them, and they are counted.
            error @ OrderError::Crowded => Self::new(code::UNAVAILABLE)
                .detail(format!("{error}; try again shortly."))
                .retry_after(Duration::from_secs(1)),
            OrderError::Intervention(refused) => intervention(refused),
            error @ OrderError::Saga(_) => Self::unavailable(error, Duration::from_secs(2)),
        }
    }
}

fn intervention(refused: InterventionError) -> Problem {
    let text = format!("{refused}.");
    match refused {
        InterventionError::NoSuchSaga(_) => Problem::new(code::SAGA_NOT_FOUND).detail(text),
        InterventionError::Illegal { state, allowed, .. } => {
            let allowed: Vec<&str> = allowed.into_iter().map(saga::Intervention::name).collect();
            Problem::new(code::ILLEGAL_INTERVENTION)
                .detail(text)
                .with("state", state.name())
                .with("allowed", allowed)
        }
        failed @ InterventionError::Failed(_) => Problem::fault(failed),
    }
}

/// A move that is not made, with those that may be.
fn illegal(text: String, from: Status, to: Status, allowed: Vec<Status>) -> Problem {
    let allowed: Vec<&str> = allowed.into_iter().map(Status::name).collect();
    Problem::new(code::ILLEGAL_TRANSITION)
        .detail(text)
        .with("from", from.name())
        .with("to", to.name())
        .with("allowed", allowed)
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let text = format!("{refusal}.");
        match refusal {
            Refusal::NotFound(_) => Self::new(code::ORDER_NOT_FOUND).detail(text),
            Refusal::Illegal { from, to, .. } => illegal(text, from, to, from.next()),
            Refusal::PartlyShipped { from, .. } => {
                let others = from.next().into_iter().filter(|to| *to != Status::Cancelled);
                illegal(text, from, Status::Cancelled, others.collect())
            }
            Refusal::NotYours { .. } | Refusal::NotYoursToTrack(_) => Self::new(code::FORBIDDEN).detail(text),
            Refusal::NotTrackable { status, .. } => Self::new(code::ILLEGAL_TRANSITION)
                .detail(text)
                .with("orderStatus", status.name()),
            Refusal::Disputed { status, .. } => Self::new(code::ORDER_DISPUTED)
                .detail(text)
                .with("disputeStatus", status),
            Refusal::Stale(_) => Self::new(code::STALE).detail(text),
            Refusal::Unavailable { pointers } => {
                let lines: Vec<_> = pointers
                    .iter()
                    .map(|p| serde_json::json!({"pointer": p}))
                    .collect();
                Self::new(code::PRODUCT_UNAVAILABLE)
                    .detail(text)
                    .with("lines", lines)
            }
            Refusal::TooSmall { minimum, currency } => Self::new(code::AMOUNT_TOO_SMALL)
                .detail(text)
                .with("minimum", minimum)
                .with("currency", currency),
            Refusal::PriceChanged { quote } => Self::new(code::PRICE_CHANGED)
                .detail(text)
                .with("quote", place_order::quote(&quote)),
            Refusal::TooManyOpen { .. } => Self::new(code::TOO_MANY_HOLDS).detail(text),
            Refusal::NoJob(_) => Self::new(code::JOB_NOT_FOUND).detail(text),
            Refusal::JobNotDead { state, .. } => {
                Self::new(code::JOB_NOT_DEAD).detail(text).with("state", state)
            }
            Refusal::JobReplaced(_) => Self::new(code::JOB_REPLACED).detail(text),
            Refusal::TooLarge => Self::invalid_at("/items", text),
        }
    }
}
