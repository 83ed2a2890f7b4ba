//! The one intent of an order.

use futures::future::join_all;
use http::Method;
use serde_json::json;
use wire::code;
use wire::rpc::Refused;

use crate::harness::{ALICE, Payments};

const CREATE: &str = "/payments/create-intent";

fn refusal(status: tonic::Status) -> &'static str {
    Refused::from_status(&status)
        .unwrap_or_else(|| panic!("{status:?}"))
        .code
        .slug
}

// PAY-1
#[tokio::test(flavor = "multi_thread")]
async fn twenty_at_once_get_one_intent() {
    let shop = Payments::start().await;
    shop.order(81, 1_999);
    let http = (0..10).map(|_| shop.post(ALICE, CREATE, json!({"orderId": 81})));
    let rpc = (0..10).map(|_| shop.create(81, 1_999));
    let (http, rpc) = tokio::join!(join_all(http), join_all(rpc));
    let mut secrets: Vec<String> = http.iter().map(|a| a.text("clientSecret")).collect();
    secrets.extend(rpc.into_iter().map(|r| r.unwrap().client_secret));
    secrets.dedup();
    assert_eq!(secrets.len(), 1);
    assert_eq!(shop.intents().await.len(), 1, "no orphan at the provider");
    assert_eq!(shop.count("select count(*) from payments").await, 1);
    assert_eq!(
        shop.count("select count(*) from operations where state = 'done'")
            .await,
        1
    );
}

// PAY-2, PAY-3
#[tokio::test]
async fn amount_and_currency_are_the_orders_whatever_the_client_sends() {
    let shop = Payments::start().await;
    shop.order_in(82, 500, "JPY", "confirmed");
    let intent = shop
        .post(
            ALICE,
            CREATE,
            json!({"orderId": 82, "amount": 1, "currency": "USD"}),
        )
        .await;
    assert_eq!(intent.status, 200, "{intent:?}");
    assert_eq!(
        (intent.text("amount"), intent.text("currency")),
        ("500".to_owned(), "JPY".to_owned())
    );
    let there = &shop.intents().await[0];
    assert_eq!(
        (&there["amount"], &there["currency"]),
        (&json!(500), &json!("jpy"))
    );
    assert_eq!(there["metadata"]["order_id"], "82");
}

// PAY-3
#[tokio::test]
async fn an_order_that_does_not_wait_for_its_money_is_not_payable() {
    let shop = Payments::start().await;
    for (id, status) in (1..).zip([
        "pending",
        "paid",
        "processing",
        "shipped",
        "delivered",
        "cancelled",
        "refunded",
    ]) {
        shop.order_in(id, 1_000, "USD", status);
        let answer = shop.post(ALICE, CREATE, json!({"orderId": id})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (409, "not-payable"),
            "{status}"
        );
        assert_eq!(answer.text("orderStatus"), status);
    }
    // order-service may not know yet that the money is here.
    shop.paid(20, 1_000).await;
    let answer = shop.post(ALICE, CREATE, json!({"orderId": 20})).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (409, "not-payable"));
    assert_eq!(shop.intents().await.len(), 1);
}

#[tokio::test]
async fn the_same_key_replays_the_answer_and_another_body_is_refused() {
    let shop = Payments::start().await;
    shop.order(81, 1_999);
    shop.order(82, 1_999);
    let send = |body| {
        shop.call(
            ALICE,
            Method::POST,
            CREATE,
            &[("idempotency-key", "k1")],
            Some(body),
        )
    };
    let first = send(json!({"orderId": 81})).await;
    let again = send(json!({ "orderId": 81 })).await;
    assert_eq!((first.status.as_u16(), &first.body), (200, &again.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(send(json!({"orderId": 82})).await.code(), "idempotency-mismatch");
    // What was refused is not remembered.
    let send = || {
        shop.call(
            ALICE,
            Method::POST,
            CREATE,
            &[("idempotency-key", "k2")],
            Some(json!({"orderId": 83})),
        )
    };
    assert_eq!(send().await.code(), "order-not-found");
    shop.order(83, 700);
    assert_eq!(send().await.status, 200);
}

#[tokio::test]
async fn what_the_provider_finds_too_small_is_refused_by_name() {
    let shop = Payments::start().await;
    shop.order(81, 1);
    assert_eq!(
        refusal(shop.create(81, 1).await.unwrap_err()),
        code::AMOUNT_TOO_SMALL.slug
    );
    let answer = shop.post(ALICE, CREATE, json!({"orderId": 81})).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (422, "amount-too-small"));
    assert!(!shop.cancel(81).await.unwrap());
    assert_eq!(shop.status(81).await, "cancelled");
}

#[tokio::test]
async fn another_amount_for_the_same_order_is_refused() {
    let shop = Payments::start().await;
    shop.ordered(81, 1_000).await;
    assert_eq!(
        refusal(shop.create(81, 1_001).await.unwrap_err()),
        code::IDEMPOTENCY_MISMATCH.slug
    );
    assert!(shop.create(81, 0).await.is_err());
    assert!(shop.create(81, -5).await.is_err());
    assert!(shop.create(-1, 1_000).await.is_err());
}

#[tokio::test]
async fn a_cancellation_that_comes_first_leaves_a_tombstone() {
    let shop = Payments::start().await;
    assert!(!shop.cancel(81).await.unwrap());
    assert!(!shop.cancel(81).await.unwrap(), "again is harmless");
    shop.order(81, 1_000);
    assert_eq!(
        refusal(shop.create(81, 1_000).await.unwrap_err()),
        code::PAYMENT_CANCELLED.slug
    );
    assert_eq!(
        shop.post(ALICE, CREATE, json!({"orderId": 81})).await.code(),
        "not-payable"
    );
    assert_eq!(
        shop.get(ALICE, "/payments/order/81").await.code(),
        "payment-not-found"
    );
    assert!(shop.intents().await.is_empty());
}

#[tokio::test]
async fn a_cancelled_intent_can_be_paid_by_nobody() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    assert!(!shop.cancel(81).await.unwrap());
    assert!(!shop.cancel(81).await.unwrap());
    assert_eq!(
        shop.pay(&intent, "pm_card_visa").await["error"]["code"],
        "payment_intent_unexpected_state"
    );
    shop.settle().await;
    assert_eq!(
        (shop.status(81).await.as_str(), shop.heard()),
        ("cancelled", vec!["cancelled".to_owned()])
    );
}

#[tokio::test]
async fn money_that_came_first_is_not_cancelled() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await; // no webhook yet
    assert!(shop.cancel(81).await.unwrap());
    assert!(shop.cancel(81).await.unwrap());
    assert_eq!(shop.status(81).await, "succeeded");
    shop.deliver_all().await;
    shop.settle().await;
    assert_eq!(shop.heard(), ["succeeded"]);
    assert_eq!(shop.refund_rest(81, "saga-1/refund").await.unwrap(), 1_000);
}
