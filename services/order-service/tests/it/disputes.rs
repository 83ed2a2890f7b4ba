//! A bank disputes an order's payment.

use serde_json::{Value, json};
use types::{OrderId, PaymentId};
use wire::events::PaymentDisputed;

use crate::harness::{ADMIN, ALICE, CARLA, Orders};

async fn disputed(shop: &Orders, order: i64, status: &str) {
    shop.money.tell(PaymentDisputed {
        order_id: OrderId::new(order).unwrap(),
        payment_id: PaymentId::new(order).unwrap(),
        status: status.to_owned(),
        evidence_due_by: None,
    });
    shop.settle().await;
}

// PAY-15
#[tokio::test]
async fn nothing_of_a_disputed_order_is_shipped_until_that_has_ended() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    assert_eq!(shop.order(order).await["disputeStatus"], Value::Null);
    for status in [
        "warning_needs_response",
        "warning_under_review",
        "needs_response",
        "under_review",
    ] {
        disputed(&shop, order, status).await;
        assert_eq!(shop.order(order).await["disputeStatus"], status);
        for user in [CARLA, ADMIN] {
            let answer = shop.move_to(user, order, "processing").await;
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (409, "order-disputed"),
                "{status}"
            );
            assert_eq!(answer.body["disputeStatus"], status);
        }
    }
    disputed(&shop, order, "won").await;
    assert_eq!(shop.move_to(CARLA, order, "processing").await.status, 200);

    // Disputed once more, between packing and shipping.
    disputed(&shop, order, "needs_response").await;
    let answer = shop.move_to(CARLA, order, "shipped").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (409, "order-disputed"));
    assert_eq!(
        shop.order(order).await["fulfillmentStatus"],
        "unfulfilled",
        "no line of it either"
    );
    let seen = shop.get(ALICE, &format!("/orders/{order}")).await;
    assert_eq!(seen.body["disputeStatus"], "needs_response");
    disputed(&shop, order, "prevented").await;
    assert_eq!(shop.move_to(CARLA, order, "shipped").await.status, 200);
    assert_eq!(
        shop.history(order).await,
        ["pending", "confirmed", "paid", "processing", "shipped"]
    );
    shop.settled().await;
}

// PAY-15: what was shipped before may arrive, and saying so is evidence.
#[tokio::test]
async fn what_is_on_its_way_may_arrive_while_it_is_disputed() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    for to in ["processing", "shipped"] {
        assert_eq!(shop.move_to(CARLA, order, to).await.status, 200);
    }
    disputed(&shop, order, "needs_response").await;
    let tracking = json!({"trackingNumber": "1Z999", "carrier": "UPS"});
    let path = format!("/orders/{order}/tracking");
    assert_eq!(shop.put(CARLA, &path, &tracking).await.status, 200);
    assert_eq!(shop.move_to(CARLA, order, "delivered").await.status, 200);
    shop.settled().await;
}

// PAY-15: the bank has the money; a cancellation would send it back a second time.
#[tokio::test]
async fn a_disputed_order_is_cancelled_once_it_is_known_whose_the_money_is() {
    let shop = Orders::start().await;
    for (status, end) in [("under_review", "lost"), ("needs_response", "won")] {
        let order = shop.paid().await;
        disputed(&shop, order, status).await;
        for user in [ALICE, CARLA, ADMIN] {
            let answer = shop.cancel(user, order).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (409, "order-disputed"),
                "{status}"
            );
        }
        let answer = shop.move_to(ADMIN, order, "cancelled").await;
        assert_eq!(answer.code(), "order-disputed");
        disputed(&shop, order, end).await;
        if end == "lost" {
            let answer = shop.move_to(CARLA, order, "processing").await;
            assert_eq!(answer.code(), "order-disputed", "nobody ships for nothing");
        }
        assert_eq!(shop.cancel(ADMIN, order).await.status, 200);
        shop.settle().await;
        assert_eq!(shop.stock.changes(order), ["held", "committed", "restocked"]);
    }
    // An inquiry has taken no money: sending it back ends it.
    let order = shop.paid().await;
    disputed(&shop, order, "warning_needs_response").await;
    assert_eq!(shop.cancel(ALICE, order).await.status, 200);
    shop.settled().await;
}
