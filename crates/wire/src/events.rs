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
    )*
        /// The name of every event.
        pub const TYPES: &[&str] = &[$($type),*];
    };
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
    /// The provider's books and ours were not the same.
    ReconciliationDrifted = "reconciliation.drifted.v1" {
        /// The reconciliation that found it.
        reconciliation_id: i64,
        /// `open` or `all`.
        scope: String,
        /// How many objects were wrong here and are right now.
        repaired: i64,
        /// How many a person has to look at.
        unexplained: i64,
        /// How much money is in it.
        amounts: Vec<DriftAmount>,
    }
    /// A bank disputes the payment, or what it disputes stands elsewhere now.
    PaymentDisputed = "payment.disputed.v1" {
        /// The order.
        order_id: OrderId,
        /// The payment.
        payment_id: PaymentId,
        /// Where the dispute stands, in the provider's word.
        status: String,
        /// Until when the provider takes evidence, while it waits for some; RFC 3339.
        evidence_due_by: Option<String>,
    }
    /// An open payment stands elsewhere: `pending`, `processing` or `requires_action`; or is `failed` again, by a failure that was
    /// told before.
    PaymentMoved = "payment.moved.v1" {
        /// The order.
        order_id: OrderId,
        /// The payment.
        payment_id: PaymentId,
        /// Its status now.
        status: String,
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

/// How much money of one currency our books were wrong about, in minor units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftAmount {
    /// ISO 4217.
    pub currency: String,
    /// Of what is right now.
    pub repaired_minor: i64,
    /// Of what a person has to look at.
    pub unexplained_minor: i64,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;
    use types::ProductId;

    use super::*;

    /// As subscribers have it since the day the event was published. A line here never changes: what would break a
    /// reader gets a new version and a new line.
    const GOLDEN: &str = include_str!("../events.golden.json");

    fn written<E: Event>(event: E) -> (&'static str, Value) {
        let json = serde_json::to_value(&event).unwrap();
        let read: E = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(
            serde_json::to_value(&read).unwrap(),
            json,
            "{} reads back",
            E::TYPE
        );
        // A field that a later writer adds does not disturb this reader.
        let mut more = json.clone();
        more["addedLater"] = Value::Null;
        assert!(serde_json::from_value::<E>(more).is_ok(), "{}", E::TYPE);
        (E::TYPE, json)
    }

    // EVT-2
    #[test]
    fn every_event_looks_as_it_always_did() {
        let order_id = OrderId::new(81).unwrap();
        let payment_id = PaymentId::new(9).unwrap();
        let product_id = ProductId::new(7).unwrap();
        let (amount_minor, currency) = (4_303, "USD".to_owned());
        let ours = BTreeMap::from([
            written(OrderCreated { order_id }),
            written(OrderConfirmed { order_id }),
            written(OrderPaid { order_id }),
            written(OrderMoved {
                order_id,
                status: "shipped".to_owned(),
            }),
            written(OrderCancelled {
                order_id,
                reason: "expired".to_owned(),
            }),
            written(OrderRefunded { order_id }),
            written(PaymentSucceeded {
                order_id,
                payment_id,
                amount_minor,
                currency: currency.clone(),
            }),
            written(PaymentFailed {
                order_id,
                payment_id,
                reason: "card_declined".to_owned(),
            }),
            written(PaymentCancelled { order_id, payment_id }),
            written(PaymentMismatched {
                order_id,
                payment_id,
                amount_minor,
                currency,
            }),
            written(PaymentRefunded {
                order_id,
                payment_id,
                refunded_minor: 1_000,
                captured_minor: 4_303,
            }),
            written(ReconciliationDrifted {
                reconciliation_id: 3,
                scope: "all".to_owned(),
                repaired: 2,
                unexplained: 1,
                amounts: vec![DriftAmount {
                    currency: "USD".to_owned(),
                    repaired_minor: 4_303,
                    unexplained_minor: 0,
                }],
            }),
            written(PaymentDisputed {
                order_id,
                payment_id,
                status: "needs_response".to_owned(),
                evidence_due_by: Some("2030-01-08T12:00:00Z".to_owned()),
            }),
            written(PaymentMoved {
                order_id,
                payment_id,
                status: "processing".to_owned(),
            }),
            written(StockLow {
                product_id,
                available: 4,
                threshold: 5,
            }),
            written(ProductChanged { product_id }),
        ]);
        let golden: BTreeMap<&str, Value> = serde_json::from_str(GOLDEN).unwrap();
        assert_eq!(ours, golden);
        assert!(ours.keys().all(|name| TYPES.contains(name)) && ours.len() == TYPES.len());
    }

    // EVT-4
    #[test]
    fn events_carry_ids_and_no_personal_data() {
        for word in ["email", "name", "address", "phone", "secret"] {
            assert!(!GOLDEN.to_lowercase().contains(word), "{word}");
        }
    }
}
