//! Cancels that come in crowds, and cancels that cross a payment.

use futures::future::join_all;
use serde_json::json;

use crate::harness::{ALICE, LAMP, MUG, Orders};

// ORD-2, STK-9, STK-11
#[tokio::test]
async fn ten_cancels_at_once_give_back_once() {
    let shop = Orders::start().await;
    let (paid, unpaid) = (
        shop.paid_with(&[(LAMP, 2)]).await,
        shop.confirmed_with(&[(MUG, 5)]).await,
    );
    for order in [paid, unpaid] {
        let answers = join_all((0..10).map(|_| shop.cancel(ALICE, order))).await;
        for answer in &answers {
            assert_eq!(
                (answer.status.as_u16(), &answer.body["order"]["status"]),
                (200, &json!("cancelled"))
            );
        }
    }
    shop.settled().await;
    assert_eq!(
        shop.history(paid).await,
        ["pending", "confirmed", "paid", "cancelled"]
    );
    assert_eq!(shop.stock.changes(paid), ["held", "committed", "restocked"]);
    assert_eq!(shop.money.changes(paid), ["made", "captured", "refunded"]);
    assert_eq!(shop.history(unpaid).await, ["pending", "confirmed", "cancelled"]);
    assert_eq!(shop.stock.changes(unpaid), ["held", "released"]);
    assert_eq!((shop.stock.available(LAMP), shop.stock.available(MUG)), (3, 100));
}

// ORD-2: every interleaving of a cancel and a payment ends with order, intent, refund and stock agreeing.
#[tokio::test]
async fn a_cancel_and_a_payment_may_cross() {
    let shop = Orders::start().await;
    for _ in 0..10 {
        let order = shop.confirmed().await;
        let pay = async {
            shop.money.pay(order);
            shop.settle().await;
        };
        let (answer, ()) = tokio::join!(shop.cancel(ALICE, order), pay);
        assert_eq!(answer.status, 200, "{answer:?}");
        shop.settled().await;
        assert_eq!(shop.status(order).await, "cancelled");
        let refunds = shop
            .money
            .changes(order)
            .iter()
            .filter(|c| **c == "refunded")
            .count();
        assert_eq!(refunds, usize::from(shop.money.state(order) == "refunded"));
    }
    assert_eq!(shop.stock.available(MUG), 100);
}

// ORD-2: a cancel that comes after the payment refunds, one that comes before sends the late money back (ORD-8).
#[tokio::test]
async fn a_paid_order_that_is_cancelled_is_refunded_and_restocked() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    assert_eq!(shop.stock.available(MUG), 99);
    let answer = shop.cancel(ALICE, order).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["order"]["status"]),
        (200, &json!("cancelled"))
    );
    shop.settled().await;
    assert_eq!(
        (shop.money.state(order), shop.stock.available(MUG)),
        ("refunded", 100)
    );
    let seen = shop.order(order).await;
    assert_eq!(
        (&seen["status"], &seen["paymentStatus"]),
        (&json!("cancelled"), &json!("refunded"))
    );
}
