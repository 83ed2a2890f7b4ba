//! Events between services. Each has a versioned name; a change that would break a reader gets a new one.

use serde::{Deserialize, Serialize};
use types::{OrderId, PaymentId};

/// An event's payload and the name it travels under.
pub trait Event: Serialize + serde::de::DeserializeOwned {
    /// Such as `payment.succeeded.v1`.
    const TYPE: &'static str;
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $type:literal { $($(#[$field_doc:meta])* $field:ident: $t:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name { $($(#[$field_doc])* pub $field: $t,)* }
        impl Event for $name { const TYPE: &'static str = $type; }
    )*};
}

events! {
    /// An order was placed; nothing is held for it yet.
    OrderCreated = "order.created.v1" {
        /// The order.
        order_id: OrderId,
    }
    /// Stock is held and an intent exists.
    OrderConfirmed = "order.confirmed.v1" {
        /// The order.
        order_id: OrderId,
    }
    /// The order was paid and its stock taken.
    OrderPaid = "order.paid.v1" {
        /// The order.
        order_id: OrderId,
    }
    /// An order moved on by hand: processing, shipped, delivered.
    OrderMoved = "order.moved.v1" {
        /// The order.
        order_id: OrderId,
        /// Its status now.
        status: String,
    }
    /// The order was cancelled.
    OrderCancelled = "order.cancelled.v1" {
        /// The order.
        order_id: OrderId,
        /// Why, in a word.
        reason: String,
    }
    /// All of the order's money went back.
    OrderRefunded = "order.refunded.v1" {
        /// The order.
        order_id: OrderId,
    }
    /// The order's money has arrived, in full.
    PaymentSucceeded = "payment.succeeded.v1" {
        /// The order.
        order_id: OrderId,
        /// The payment.
        payment_id: PaymentId,
        /// What arrived, in minor units.
        amount_minor: i64,
        /// Its currency.
        currency: String,
    }
    /// An attempt to pay failed; another card may follow.
    PaymentFailed = "payment.failed.v1" {
        /// The order.
        order_id: OrderId,
        /// The payment.
        payment_id: PaymentId,
        /// The provider's word for why.
        reason: String,
    }
    /// The intent was cancelled; nobody can pay it any more.
    PaymentCancelled = "payment.cancelled.v1" {
        /// The order.
        order_id: OrderId,
        /// The payment.
        payment_id: PaymentId,
    }
    /// What arrived is not what the order costs. Nobody ships; an admin decides.
    PaymentMismatched = "payment.mismatched.v1" {
        /// The order.
        order_id: OrderId,
        /// The payment.
        payment_id: PaymentId,
        /// What arrived, in minor units.
        amount_minor: i64,
        /// Its currency.
        currency: String,
    }
    /// Money went back, in part or in full.
    PaymentRefunded = "payment.refunded.v1" {
        /// The order.
        order_id: OrderId,
        /// The payment.
        payment_id: PaymentId,
        /// All that went back so far, in minor units.
        refunded_minor: i64,
        /// All that had been captured, in minor units.
        captured_minor: i64,
    }
    /// What can be bought of a product has just fallen to the shop's threshold, or below it.
    StockLow = "stock.low.v1" {
        /// The product.
        product_id: types::ProductId,
        /// How many can be bought.
        available: i64,
        /// How few are few.
        threshold: i64,
    }
    /// A product, its price or its stock changed, or it was deleted.
    ProductChanged = "product.changed.v1" {
        /// The product.
        product_id: types::ProductId,
    }
}
