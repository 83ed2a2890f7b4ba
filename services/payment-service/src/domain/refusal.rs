//! What a client may be told no for.

use types::{Money, OrderId};

/// Everything that a client, or the service that asked, can mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such order, or somebody else's.
    #[error("there is no order {0}")]
    OrderNotFound(OrderId),
    /// No payment was ever asked for, or it is somebody else's.
    #[error("there is no payment for order {0}")]
    PaymentNotFound(OrderId),
    /// The order or its payment is beyond paying.
    #[error("order {order} is {status}; it cannot be paid")]
    NotPayable {
        /// Which.
        order: OrderId,
        /// Where the order, or its payment, stands.
        status: String,
    },
    /// The payment is of another amount than is asked for now.
    #[error("the payment of order {order} is of {stored}, not of {asked}")]
    OtherAmount {
        /// Which.
        order: OrderId,
        /// What it is of.
        stored: Money,
        /// What was asked.
        asked: Money,
    },
    /// The payment was cancelled, perhaps before it was asked for.
    #[error("the payment of order {0} was cancelled")]
    Cancelled(OrderId),
    /// Below what the provider takes.
    #[error("{0} is below the smallest payment that can be taken")]
    AmountTooSmall(Money),
    /// Nothing has arrived.
    #[error("nothing was captured for order {0}")]
    NotRefundable(OrderId),
    /// More than what is left.
    #[error("of order {order} {left} is left to refund")]
    RefundTooLarge {
        /// Which.
        order: OrderId,
        /// What is left.
        left: Money,
    },
    /// A bank took the money, or is about to.
    #[error(
        "the payment of order {0} is disputed; its money is with the bank, and cannot go back a second time"
    )]
    Disputed(OrderId),
    /// The provider said no, for a reason that no other refusal names.
    #[error("the payment provider refused: {0}")]
    Provider(String),
}
