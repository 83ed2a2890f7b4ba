//! What the domain says no with.

use std::fmt::Display;

use serde::Serialize;
use types::{CategoryId, OrderId, ProductId};

use super::image::BadImage;

/// A line of a hold for which there is not enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShortLine {
    /// The product.
    pub product_id: ProductId,
    /// Its SKU.
    pub sku: String,
    /// How many can be had.
    pub left: i64,
    /// How many were asked for, all lines of the product together.
    pub requested: i64,
}

/// Everything that a client can mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not there, or deleted.
    #[error("there is no such product")]
    NoProduct,
    /// Not there.
    #[error("there is no such category")]
    NoCategory,
    /// Not there.
    #[error("there is no such image")]
    NoImage,
    /// Somebody else's product.
    #[error("the product belongs to another seller")]
    NotYours,
    /// Another product has the SKU.
    #[error("another product has the SKU {0}")]
    SkuTaken(String),
    /// Another category has the name.
    #[error("there is a category named {0}")]
    CategoryTaken(String),
    /// It has children or products.
    #[error("category {0} has products or child categories")]
    CategoryInUse(CategoryId),
    /// What is on hand is not what the caller expected.
    #[error("{on_hand} are on hand, not {expected}; count again")]
    OnHandDiffers {
        /// What is on hand.
        on_hand: i64,
        /// What was expected.
        expected: i64,
    },
    /// More uploads than there are places for.
    #[error("many images are being uploaded at this moment; try again shortly")]
    Busy,
    /// Its files are being deleted at this moment.
    #[error("the same image is being deleted at this moment; try again shortly")]
    BeingDeleted,
    /// Not an image that is taken.
    #[error(transparent)]
    BadImage(#[from] BadImage),
    /// A value that is not valid.
    #[error("{pointer}: {detail}")]
    Invalid {
        /// JSON pointer to it.
        pointer: String,
        /// What is wrong.
        detail: String,
    },
    /// Not enough stock for some lines; nothing is held.
    #[error("not enough stock for {} of the lines", lines.len())]
    Short {
        /// Those lines.
        lines: Vec<ShortLine>,
    },
    /// Products that are not for sale; nothing is held.
    #[error("{} of the products cannot be ordered", products.len())]
    Unavailable {
        /// Those products.
        products: Vec<ProductId>,
    },
    /// The order holds other lines.
    #[error("order {0} was held with other lines")]
    HoldMismatch(OrderId),
    /// The order was released; it can hold nothing any more.
    #[error("the reservation of order {0} was cancelled")]
    HoldCancelled(OrderId),
    /// The order holds nothing that could be sold.
    #[error("the stock for order {0} is no longer held")]
    HoldLost(OrderId),
    /// The order's stock was sold; it can be restocked, not released.
    #[error("the stock of order {0} has been sold")]
    AlreadyCommitted(OrderId),
}

impl Refusal {
    /// A value that is not valid.
    pub fn invalid(pointer: impl Into<String>, detail: impl Display) -> Self {
        Self::Invalid {
            pointer: pointer.into(),
            detail: detail.to_string(),
        }
    }
}
