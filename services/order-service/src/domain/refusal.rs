//! What the domain says no with.

use types::OrderId;

use super::pricing::Totals;
use super::status::Status;

/// Everything that a client can mend.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Not there, or not the caller's.
    #[error("there is no order {0}")]
    NotFound(OrderId),
    /// The state machine has no such move.
    #[error("order {id} is {from}; it cannot become {to}")]
    Illegal {
        /// The order.
        id: OrderId,
        /// Where it is.
        from: Status,
        /// Where it was to go.
        to: Status,
    },
    /// Some of its parcels have left.
    #[error("part of order {id} is on its way, so it cannot be cancelled; refund what does not arrive")]
    PartlyShipped {
        /// The order.
        id: OrderId,
        /// Where it is.
        from: Status,
    },
    /// The move is somebody else's to make.
    #[error("moving an order from {from} to {to} is not yours to do")]
    NotYours {
        /// Where it is.
        from: Status,
        /// Where it was to go.
        to: Status,
    },
    /// Tracking is recorded by whoever ships.
    #[error("recording the tracking of order {0} is the seller's to do")]
    NotYoursToTrack(OrderId),
    /// Tracking comes while an order is prepared or on its way.
    #[error("order {id} is {status}; tracking is recorded while it is processing or shipped")]
    NotTrackable {
        /// The order.
        id: OrderId,
        /// Where it is.
        status: Status,
    },
    /// A bank disputes its payment.
    #[error(
        "the payment of order {id} is disputed ({status}); it does not become {to} before that has ended"
    )]
    Disputed {
        /// The order.
        id: OrderId,
        /// Where the dispute stands.
        status: String,
        /// Where the order was to go.
        to: Status,
    },
    /// Someone changed it meanwhile.
    #[error("someone else changed order {0} at the same time; read it again")]
    Stale(OrderId),
    /// Products that are not for sale.
    #[error("{} of the lines cannot be ordered; take them out and try again", pointers.len())]
    Unavailable {
        /// JSON pointers to the lines.
        pointers: Vec<String>,
    },
    /// Less than what the provider takes.
    #[error("the total is below the smallest payment of {minimum} {currency}")]
    TooSmall {
        /// The smallest payment, in major units.
        minimum: String,
        /// Its currency.
        currency: &'static str,
    },
    /// The client expects another total.
    #[error("the total is {} now; order again if that is all right", quote.total)]
    PriceChanged {
        /// What it costs now.
        quote: Totals,
    },
    /// The account has as many unpaid orders as it may.
    #[error("there may be {most} unpaid orders at a time; pay or cancel some first")]
    TooManyOpen {
        /// How many it may have.
        most: u32,
    },
    /// No such job, or done by now.
    #[error("there is no job {0}; what is done is gone")]
    NoJob(i64),
    /// Only a dead job waits for a person.
    #[error("job {id} is {state}; only a dead job is requeued or discarded")]
    JobNotDead {
        /// The job.
        id: i64,
        /// How it stands.
        state: &'static str,
    },
    /// A newer job with the same key has not ended.
    #[error("another job with the key of job {0} has not ended yet; discard the dead one, or wait")]
    JobReplaced(i64),
    /// The amounts do not fit.
    #[error("the order is larger than any amount that can be charged")]
    TooLarge,
}
