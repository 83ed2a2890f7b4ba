//! What payment-service tells, and what becomes of the order.

use std::time::Duration;

use types::{OrderId, PaymentId};
use uuid::Uuid;
use wire::code;
use wire::events::{PaymentFailed, PaymentSucceeded};
use wire::rpc::Refused;
use wire::rpc::events::Event;
use wire::rpc::orders::ForPaymentRequest;

use crate::doubles::Fault;
use crate::harness::{ALICE, Orders, WINDOW};

fn ids(order: i64) -> (OrderId, PaymentId) {
    (OrderId::new(order).unwrap(), PaymentId::new(order).unwrap())
}

/// What payment-service sends when `minor` arrived.
pub fn succeeded(order: i64, minor: i64) -> PaymentSucceeded {
    let (order_id, payment_id) = ids(order);
    PaymentSucceeded {
        order_id,
        payment_id,
        amount_minor: minor,
        currency: "USD".to_owned(),
    }
}

// EVT-1: nothing is lost that is told by a newer program than ours.
#[tokio::test]
async fn news_that_cannot_be_read_is_not_taken_and_news_of_another_kind_is() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    assert!(shop.money.pay(order));
    let event = shop.money.next_event().unwrap();
    let with = |kind: &str, payload: &str| Event {
        r#type: kind.to_owned(),
        payload: payload.as_bytes().into(),
        ..event.clone()
    };
    assert!(!shop.deliver(with(&event.r#type, r#"{"orderId": "x"}"#)).await);
    assert_eq!(shop.count("select count(*) from inbox").await, 0);
    let other = Event {
        id: Uuid::now_v7().to_string(),
        ..with("tea.brewed.v1", r#"{"orderId": "x"}"#)
    };
    assert!(shop.deliver(other).await);
    assert!(shop.deliver(event).await);
    shop.settle().await;
    assert_eq!(shop.history(order).await, ["pending", "confirmed", "paid"]);
    shop.settled().await;
}

// EVT-3, PAY-8: a paid order's stock is taken, and every repetition of the news is no news.
#[tokio::test]
async fn an_order_is_paid_once_however_often_it_is_told() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    assert!(shop.money.pay(order));
    let event = shop.money.next_event().unwrap();
    let told = futures::future::join_all((0..100).map(|_| shop.deliver(event.clone()))).await;
    assert!(told.iter().all(|taken| *taken));
    assert!(shop.deliver(event.clone()).await);
    shop.settle().await;
    let before = shop.get(ALICE, &format!("/orders/{order}")).await;
    // The same fact in another event.
    shop.money.tell(succeeded(order, shop.money.asked(order)));
    shop.settle().await;
    assert!(shop.deliver(event).await);
    shop.settle().await;

    assert_eq!(shop.history(order).await, ["pending", "confirmed", "paid"]);
    assert_eq!(shop.stock.changes(order), ["held", "committed"]);
    let after = shop.get(ALICE, &format!("/orders/{order}")).await;
    assert_eq!(
        (after.header("etag"), &after.body),
        (before.header("etag"), &before.body)
    );
    assert_eq!(shop.order(order).await["paymentStatus"], "succeeded");
    assert_eq!(shop.count("select count(*) from payment_facts").await, 1);
    let told = "select count(*) from outbox where type = 'order.paid.v1'";
    assert_eq!(shop.count(told).await, 1);
    shop.settled().await;
}

// EVT-3: an event whose effect failed is not acknowledged, and is taken when it comes again.
#[tokio::test]
async fn an_event_that_could_not_be_taken_comes_again() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    assert!(shop.money.pay(order));
    let event = shop.money.next_event().unwrap();
    sqlx::query("alter table payment_facts rename to elsewhere")
        .execute(&shop.db.pool)
        .await
        .unwrap();
    assert!(!shop.deliver(event.clone()).await);
    sqlx::query("alter table elsewhere rename to payment_facts")
        .execute(&shop.db.pool)
        .await
        .unwrap();
    assert!(shop.deliver(event).await);
    shop.settle().await;
    assert_eq!(shop.status(order).await, "paid");
    shop.settled().await;
}

// ORD-7: a declined card is no end.
#[tokio::test]
async fn a_declined_card_may_be_followed_by_another() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    shop.money.decline(order);
    shop.settle().await;
    let seen = shop.order(order).await;
    assert_eq!(
        (seen["status"].as_str(), seen["paymentStatus"].as_str()),
        (Some("confirmed"), Some("failed"))
    );
    assert!(shop.money.pay(order));
    shop.settle().await;
    assert_eq!(shop.status(order).await, "paid");
    shop.settled().await;
}

// PAY-14, ORD table: only the order's own amount in its own currency pays it, also when its time is over.
#[tokio::test]
async fn another_amount_never_pays_an_order() {
    let shop = Orders::start().await;
    for (minor, currency) in [(2_648, "USD"), (2_650, "USD"), (2_649, "EUR")] {
        let order = shop.confirmed().await;
        assert!(shop.money.pay_other(order, minor, currency));
        shop.settle().await;
        let seen = shop.order(order).await;
        assert_eq!(
            (seen["status"].as_str(), seen["paymentStatus"].as_str()),
            (Some("confirmed"), Some("mismatch"))
        );
        shop.after(WINDOW).await;
        shop.after(WINDOW).await;
        assert_eq!(
            shop.history(order).await,
            ["pending", "confirmed"],
            "a person decides"
        );
        assert_eq!(shop.stock.changes(order), ["held", "pinned"]);

        // The admin sends it back: then the order has no more to wait for.
        shop.money.refund(order, minor);
        shop.settle().await;
        assert_eq!(shop.status(order).await, "cancelled");
        assert_eq!(shop.stock.changes(order), ["held", "pinned", "released"]);
    }
    shop.settled().await;
}

// PAY-14: even a peer that calls another amount a success does not pay the order with it.
#[tokio::test]
async fn a_success_of_another_amount_is_not_believed() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    shop.money.tell(succeeded(order, 1));
    shop.settle().await;
    assert_eq!(shop.status(order).await, "confirmed");
    shop.settled().await;
}

// SAG-6
#[tokio::test]
async fn a_paid_order_whose_stock_is_lost_is_refunded_once() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    assert!(shop.money.pay(order));
    shop.stock.lose(order);
    shop.money.road.once("refund", Fault::LoseAnswer);
    shop.settle().await;
    shop.after(Duration::from_secs(60)).await;
    assert_eq!(shop.history(order).await, ["pending", "confirmed", "cancelled"]);
    assert_eq!(shop.money.changes(order), ["made", "captured", "refunded"]);
    let seen = shop.order(order).await;
    assert_eq!(
        (seen["cancelReason"].as_str(), seen["paymentStatus"].as_str()),
        (Some("stock-lost"), Some("refunded"))
    );
    shop.settled().await;
}

// ORD table: paid -> refunded when all that was captured went back, however soon.
#[tokio::test]
async fn a_refund_of_everything_refunds_the_order() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    shop.money.refund(order, 1_000);
    shop.settle().await;
    let seen = shop.order(order).await;
    assert_eq!(
        (seen["status"].as_str(), seen["paymentStatus"].as_str()),
        (Some("paid"), Some("partially_refunded"))
    );
    shop.money.refund(order, shop.money.asked(order) - 1_000);
    shop.settle().await;
    assert_eq!(
        shop.history(order).await,
        ["pending", "confirmed", "paid", "refunded"]
    );

    // Both facts are told before the checkout looks.
    let quick = shop.confirmed().await;
    assert!(shop.money.pay(quick));
    shop.money.refund(quick, shop.money.asked(quick));
    shop.deliver_all().await;
    shop.settle().await;
    assert_eq!(
        shop.history(quick).await,
        ["pending", "confirmed", "paid", "refunded"]
    );
    assert_eq!(shop.order(quick).await["paymentStatus"], "refunded");
    shop.settled().await;
}

// PAY-10: news of an attempt that failed does not unmake a payment.
#[tokio::test]
async fn a_payment_that_arrived_is_not_unmade_by_old_news() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    let (order_id, payment_id) = ids(order);
    let reason = "card_declined".to_owned();
    shop.money.tell(PaymentFailed {
        order_id,
        payment_id,
        reason,
    });
    shop.settle().await;
    assert_eq!(shop.order(order).await["paymentStatus"], "succeeded");
    shop.settled().await;
}

// PAY-3
#[tokio::test]
async fn payment_service_is_told_what_the_order_costs() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    let ask = async |order_id| {
        let mut payer = shop.payer.clone();
        payer.for_payment(ForPaymentRequest { order_id }).await
    };
    let told = ask(order).await.unwrap().into_inner();
    assert_eq!((told.user_id, told.total_minor), (ALICE, 2_649));
    assert_eq!(
        (told.status.as_str(), told.currency.as_str()),
        ("confirmed", "USD")
    );
    for nothing in [order + 1, 0, -1] {
        let refused = Refused::from_status(&ask(nothing).await.unwrap_err()).unwrap();
        assert_eq!(refused.code, code::ORDER_NOT_FOUND);
    }
    shop.settled().await;
}
