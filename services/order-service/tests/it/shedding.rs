//! `POST /orders` while a part of the shop is slow or does not answer.

use std::time::Duration;

use crate::doubles::Fault;
use crate::harness::{ALICE, MUG, Orders, cart};

// SAG-12
#[tokio::test]
async fn nothing_is_ordered_while_payments_are_down() {
    let shop = Orders::start().await;
    shop.money.road.always("create", Some(Fault::LoseRequest));
    for _ in 0..5 {
        assert_eq!(shop.post(ALICE, "/orders", &cart(&[(MUG, 1)])).await.status, 202);
    }
    let before = shop.written().await;
    let answer = shop.post_keyed(ALICE, "a key", &cart(&[(MUG, 1)])).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (503, "service-unavailable")
    );
    assert!(answer.header("retry-after").is_some());
    assert_eq!(shop.written().await, before);
    assert_eq!(shop.stock.available(MUG), 95);

    // It answers again: what waits goes on, and the same key may order.
    shop.money.road.always("create", None);
    shop.after(Duration::from_secs(10)).await;
    assert_eq!(
        shop.post_keyed(ALICE, "a key", &cart(&[(MUG, 1)])).await.status,
        201
    );
    assert_eq!(
        shop.count("select count(*) from orders where status = 'confirmed'")
            .await,
        6
    );
    shop.settled().await;
}

// SAG-12, ORD-11: without the catalogue there is no price.
#[tokio::test]
async fn nothing_is_written_while_the_catalogue_is_down() {
    let shop = Orders::start().await;
    shop.stock.road.once("quote", Fault::LoseRequest);
    let answer = shop.post(ALICE, "/orders", &cart(&[(MUG, 1)])).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (503, "service-unavailable")
    );
    assert!(answer.header("retry-after").is_some());
    assert_eq!(shop.written().await, 0);
    shop.settled().await;
}

// ORD-11
#[tokio::test]
async fn a_slow_step_is_answered_with_where_to_look() {
    let shop = Orders::start_with(|config| config.answer_within = Duration::from_millis(50)).await;
    shop.stock.road.once("hold", Fault::Wait);
    let answer = shop.post(ALICE, "/orders", &cart(&[(MUG, 1)])).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let order = answer.order();
    assert_eq!(answer.header("location").unwrap(), format!("/orders/{order}"));
    assert_eq!(answer.body["status"], "pending");
    shop.stock.road.open();
    shop.settled().await;
    assert_eq!(shop.status(order).await, "confirmed");
    assert_eq!(shop.stock.changes(order), ["held"]);
}

// SAG-12: a crowd is let in as it can be served; whoever waits in vain may come again.
#[tokio::test]
async fn a_crowd_waits_in_line_and_nothing_is_written_for_those_who_wait_in_vain() {
    let shop = Orders::start_with(|config| {
        config.checkouts_at_once = 1;
        config.checkout_patience = Duration::from_millis(20);
    })
    .await;
    let wish = cart(&[(MUG, 1)]);
    shop.stock.road.once("hold", Fault::Wait);
    let second = async {
        shop.stock.road.waiting(1).await;
        let answer = shop.post_keyed(ALICE, "the second", &wish).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (503, "service-unavailable")
        );
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(shop.count("select count(*) from orders").await, 1);
        shop.stock.road.open();
    };
    let (first, ()) = tokio::join!(shop.post(ALICE, "/orders", &wish), second);
    assert_eq!(first.status, 201);
    // The place is free again, and the key was not used up.
    assert_eq!(shop.post_keyed(ALICE, "the second", &wish).await.status, 201);
    shop.settled().await;
}
