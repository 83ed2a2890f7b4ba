//! Stock that is kept beyond its time, because money is under way or a person has to decide.

use std::time::Duration;

use types::{OrderId, PaymentId};
use wire::events::{PaymentMoved, PaymentRefunded};

use crate::doubles::Fault;
use crate::harness::{ADMIN, Orders, WINDOW};

async fn moved(shop: &Orders, order: i64, status: &str) {
    shop.money.tell(PaymentMoved {
        order_id: OrderId::new(order).unwrap(),
        payment_id: PaymentId::new(order).unwrap(),
        status: status.to_owned(),
    });
    shop.settle().await;
}

// PAY-14
#[tokio::test]
async fn a_wrong_amount_pins_the_stock_until_an_admin_cancels() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    assert!(shop.money.pay_other(order, 2_648, "USD"));
    // product-service does not answer at first.
    shop.stock.road.once("pin", Fault::LoseAnswer);
    shop.settle().await;
    shop.after(Duration::from_secs(60)).await;
    for _ in 0..10 {
        shop.after(WINDOW).await;
    }
    assert_eq!(shop.status(order).await, "confirmed");
    let pins = shop.stock.changes(order);
    assert!(
        pins.len() >= 2 && pins.iter().skip(1).all(|c| *c == "pinned"),
        "{pins:?}"
    );
    assert_eq!(
        shop.stock.road.calls("pin", order),
        2,
        "once, and once more after the lost answer"
    );

    assert_eq!(shop.cancel(ADMIN, order).await.status, 200);
    shop.settled().await;
    assert_eq!(shop.money.changes(order), ["made", "captured", "refunded"]);
    assert_eq!(shop.stock.state(order), "released");
    let seen = shop.order(order).await;
    assert_eq!(
        (seen["status"].as_str(), seen["paymentStatus"].as_str()),
        (Some("cancelled"), Some("refunded"))
    );
}

// PAY-14: a slow method's money is waited for, whatever the payment window.
#[tokio::test]
async fn stock_is_pinned_while_the_payment_is_processing() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    moved(&shop, order, "processing").await;
    assert_eq!(shop.order(order).await["paymentStatus"], "processing");
    for _ in 0..5 {
        shop.after(WINDOW).await;
    }
    assert_eq!(shop.status(order).await, "confirmed", "it does not expire");
    assert_eq!(shop.stock.changes(order), ["held", "pinned"]);
    assert!(shop.money.pay(order));
    shop.settle().await;
    assert_eq!(shop.history(order).await, ["pending", "confirmed", "paid"]);
    assert_eq!(shop.stock.changes(order), ["held", "pinned", "committed"]);
    shop.settled().await;
}

// PAY-14
#[tokio::test]
async fn a_payment_that_failed_in_the_end_lets_the_stock_go() {
    let shop = Orders::start().await;
    let soon = shop.confirmed().await;
    moved(&shop, soon, "processing").await;
    shop.money.decline(soon);
    shop.settle().await;
    assert_eq!(shop.stock.changes(soon), ["held", "pinned", "unpinned"]);
    assert_eq!(shop.status(soon).await, "confirmed", "another card may follow");
    shop.after(WINDOW).await;
    assert_eq!(shop.status(soon).await, "cancelled");

    let late = shop.confirmed().await;
    moved(&shop, late, "processing").await;
    shop.after(WINDOW + WINDOW).await;
    shop.money.decline(late);
    shop.settle().await;
    assert_eq!(shop.history(late).await, ["pending", "confirmed", "cancelled"]);
    assert_eq!(
        shop.stock.changes(late),
        ["held", "pinned", "unpinned", "released"]
    );
    shop.settled().await;
}

// PAY-10, PAY-14: 3-D Secure parks the order as it was, and does not stop its time.
#[tokio::test]
async fn an_order_waits_for_the_payer_and_is_then_paid() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    moved(&shop, order, "requires_action").await;
    let seen = shop.order(order).await;
    assert_eq!(
        (seen["status"].as_str(), seen["paymentStatus"].as_str()),
        (Some("confirmed"), Some("requires_action"))
    );
    assert_eq!(shop.stock.changes(order), ["held"]);
    assert!(shop.money.pay(order));
    shop.settle().await;
    assert_eq!(shop.status(order).await, "paid");
    moved(&shop, order, "requires_action").await;
    assert_eq!(shop.order(order).await["paymentStatus"], "succeeded", "old news");

    let idle = shop.confirmed().await;
    moved(&shop, idle, "requires_action").await;
    moved(&shop, idle, "pending").await;
    assert_eq!(shop.order(idle).await["paymentStatus"], "pending");
    shop.after(WINDOW).await;
    assert_eq!(shop.status(idle).await, "cancelled");
    shop.settled().await;
}

// PAY-9, PAY-12: a refund that failed after all is no refund here either.
#[tokio::test]
async fn a_refund_that_came_back_is_unmade_in_the_order_too() {
    let shop = Orders::start().await;
    let (order, wrong) = (shop.paid().await, shop.confirmed().await);
    assert!(shop.money.pay_other(wrong, 1_000, "USD"));
    for (order, minor, before) in [(order, 1_000, "succeeded"), (wrong, 400, "mismatch")] {
        shop.money.refund(order, minor);
        shop.settle().await;
        assert_eq!(shop.order(order).await["paymentStatus"], "partially_refunded");
        shop.money.tell(PaymentRefunded {
            order_id: OrderId::new(order).unwrap(),
            payment_id: PaymentId::new(order).unwrap(),
            refunded_minor: 0,
            captured_minor: 2_649,
        });
        shop.settle().await;
        assert_eq!(shop.order(order).await["paymentStatus"], before);
    }
    shop.left_open();
}
