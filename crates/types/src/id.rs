//! Ids: integers in the database and on the wire, types in the code.

use serde::{Deserialize, Serialize};

/// The largest id that every client can hold exactly: JSON numbers are doubles in most of them.
const MAX: i64 = (1 << 53) - 1;

/// A number that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is a positive integer below 2^53")]
pub struct BadId;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(try_from = "i64", into = "i64")]
        #[schema(value_type = i64, minimum = 1)]
        pub struct $name(i64);

        impl $name {
            /// Checks that `id` is one.
            pub const fn new(id: i64) -> Result<Self, BadId> {
                if id >= 1 && id <= MAX { Ok(Self(id)) } else { Err(BadId) }
            }

            /// The number.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = BadId;
            fn try_from(id: i64) -> Result<Self, BadId> {
                Self::new(id)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> i64 {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                text.parse().ok().filter(|_| plain).ok_or(BadId).and_then(Self::new)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

id! {
    /// An account of user-service.
    UserId,
    /// A product of product-service; also its one stock row.
    ProductId,
    /// A category of product-service.
    CategoryId,
    /// An order of order-service.
    OrderId,
    /// One line of an order.
    OrderLineId,
    /// A payment of payment-service.
    PaymentId,
    /// A refund of payment-service.
    RefundId,
}
