//! A provider that does not answer, or not clearly.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::doubles::Fault;
use crate::harness::{ALICE, Payments};

// PAY-4, PAY-5
#[tokio::test(flavor = "multi_thread")]
async fn an_intent_is_made_once_whatever_happens_to_the_call() {
    for fault in Fault::ALL {
        let shop = Payments::start().await;
        shop.order(81, 1_000);
        // A 409 means that a twin runs: it is waited for.
        let times = if matches!(fault, Fault::Answer(409)) { 6 } else { 1 };
        shop.road.fail(std::iter::repeat_n(fault, times));
        let answer = shop
            .post(ALICE, "/payments/create-intent", json!({"orderId": 81}))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (503, "service-unavailable"),
            "{fault:?}"
        );
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!(
            shop.count("select count(*) from operations where state = 'started'")
                .await,
            1
        );
        shop.after(Duration::from_secs(30)).await;
        assert_eq!(
            shop.count("select count(*) from operations where state = 'done'")
                .await,
            1,
            "{fault:?}"
        );
        let answer = shop
            .post(ALICE, "/payments/create-intent", json!({"orderId": 81}))
            .await;
        assert_eq!(answer.status, 200, "{fault:?}: {answer:?}");
        assert_eq!(shop.intents().await.len(), 1, "{fault:?}");
    }
}

// PAY-4
#[tokio::test]
async fn after_a_day_an_operation_is_resolved_by_reading() {
    let shop = Payments::start().await;
    for (order, fault) in [(81, Fault::LoseAnswer), (82, Fault::LoseRequest)] {
        shop.order(order, 1_000);
        shop.road.fail([fault]);
        assert!(shop.create(order, 1_000).await.is_err());
    }
    let writes = shop.road.writes.load(std::sync::atomic::Ordering::SeqCst);
    shop.after(Duration::from_secs(25 * 3_600)).await;
    assert_eq!(
        shop.road.writes.load(std::sync::atomic::Ordering::SeqCst),
        writes,
        "nothing was written"
    );
    assert_eq!(shop.intents().await.len(), 1);
    assert!(shop.payment(81).await["paymentIntentId"].is_string());
    assert!(shop.payment(82).await["paymentIntentId"].is_null());
    shop.create(82, 1_000).await.unwrap();
    assert_eq!(shop.intents().await.len(), 2);

    shop.order(83, 1_000);
    shop.road.fail([Fault::LoseRequest]);
    assert!(shop.create(83, 1_000).await.is_err());
    shop.clock.advance(Duration::from_secs(25 * 3_600));
    shop.create(83, 1_000).await.unwrap(); // nobody had looked before
    assert_eq!(shop.intents().await.len(), 3);
}

// PAY-4, PAY-12
#[tokio::test]
async fn after_a_day_a_refund_is_found_or_given_up() {
    let shop = Payments::start().await;
    for (order, fault) in [(81, Fault::LoseAnswer), (82, Fault::LoseRequest)] {
        shop.paid(order, 1_000).await;
        shop.road.fail([fault]);
        assert_eq!(shop.refund(json!({"orderId": order})).await.status, 503);
    }
    shop.after(Duration::from_secs(25 * 3_600)).await;
    assert_eq!(shop.status(81).await, "refunded");
    assert_eq!(shop.status(82).await, "succeeded");
    assert_eq!(
        shop.refund(json!({"orderId": 82})).await.status,
        200,
        "the balance is free again"
    );
}

// PAY-5
#[tokio::test]
async fn an_intent_that_was_made_unheard_for_a_cancelled_order_is_cancelled() {
    let shop = Payments::start().await;
    shop.order(81, 1_000);
    shop.road.fail([Fault::LoseAnswer]);
    assert!(shop.create(81, 1_000).await.is_err());
    assert!(!shop.cancel(81).await.unwrap());
    shop.after(Duration::from_secs(30)).await;
    shop.settle().await;
    let intents = shop.intents().await;
    assert_eq!((intents.len(), &intents[0]["status"]), (1, &json!("canceled")));
    assert_eq!(
        (shop.status(81).await.as_str(), shop.heard()),
        ("cancelled", vec!["cancelled".to_owned()])
    );
    assert!(shop.create(81, 1_000).await.is_err());
}

// PAY-5
#[tokio::test]
async fn a_cancellation_is_not_reported_before_it_is_certain() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.road.close(true);
    assert_eq!(
        shop.cancel(81).await.unwrap_err().code(),
        tonic::Code::Unavailable
    );
    assert_eq!(shop.status(81).await, "pending");
    shop.pay(&intent, "pm_card_visa").await;
    shop.road.close(false);
    assert!(shop.cancel(81).await.unwrap(), "the money came first");
}

// PAY-5, PAY-7
#[tokio::test]
async fn webhooks_are_taken_while_the_provider_does_not_answer() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_chargeDeclined").await;
    shop.road.close(true);
    shop.deliver_all().await;
    shop.settle().await;
    assert_eq!(shop.status(81).await, "pending", "what failed must be read anew");
    shop.pay(&intent, "pm_card_visa").await;
    shop.deliver(&shop.event("payment_intent.succeeded").await).await;
    shop.settle().await;
    assert_eq!(shop.status(81).await, "succeeded", "what is final need not");
    shop.road.close(false);
    shop.after(Duration::from_secs(60)).await;
    assert_eq!(
        shop.count("select count(*) from webhook_events where state <> 'processed'")
            .await,
        0
    );
    assert_eq!(shop.heard(), ["succeeded"]);
}

// PAY-5
#[tokio::test]
async fn without_order_service_nothing_is_made() {
    let shop = Payments::start().await;
    let answer = shop
        .call(
            ALICE,
            Method::POST,
            "/payments/create-intent",
            &[],
            Some(json!({"orderId": 81})),
        )
        .await;
    assert_eq!(answer.code(), "order-not-found");
    assert_eq!(shop.count("select count(*) from payments").await, 0);
}
