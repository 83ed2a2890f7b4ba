//! A part of the shop is away.

use serde_json::json;
use souk_test_shop::{Form, Shop, eventually, order_of};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_service_is_503_with_retry_after_and_the_others_work() {
    let mut shop = Shop::start(Form::FiveProcesses).await;
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Present mug", "18.00", 3).await;

    shop.five().stop("order-service");
    let away = customer
        .api
        .get("/api/orders")
        .await
        .refused(503, "service-unavailable");
    assert!(!away.header("retry-after").is_empty());
    drop(customer.api.get("/api/users/profile").await.expect(200));
    drop(shop.api.get(&format!("/api/products/{mug}")).await.expect(200));
    drop(shop.api.get("/health").await.expect(200));
    let all = shop.api.get("/health/all").await.expect(503);
    assert!(all.json().to_string().contains("order-service"));
    shop.five().restart("order-service").await;
    let back = eventually(
        Duration::from_secs(20),
        "order-service is asked again",
        || async {
            let answer = customer.api.get("/api/orders").await;
            (answer.status == 200).then_some(answer)
        },
    );
    assert_eq!(back.await.at("/pagination/total"), 0);

    // The keys that verify tokens are kept while user-service is down (AUT-5).
    shop.five().kill("user-service");
    drop(customer.api.get("/api/orders").await.expect(200));
    drop(shop.api.post("/api/auth/login", &json!({})).await.expect(503));
}

// SAG-12, ORD-11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_payments_are_down_orders_end_and_soon_none_is_begun() {
    let mut shop = Shop::start(Form::FiveProcesses).await;
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Unpayable mug", "18.00", 50).await;
    shop.five().kill("payment-service");

    let shed = eventually(Duration::from_secs(60), "orders are shed", || async {
        let answer = customer.orders(&[(mug, 1)]).await;
        assert!(
            matches!(answer.status, 202 | 503),
            "{}: {}",
            answer.status,
            answer.json()
        );
        (answer.status == 503).then_some(answer)
    });
    assert!(!shed.await.header("retry-after").is_empty());
    let begun = customer.api.get("/api/orders").await.at("/pagination/total");
    drop(customer.orders(&[(mug, 1)]).await.expect(503));
    let then = customer.api.get("/api/orders").await.at("/pagination/total");
    assert_eq!(begun, then, "nothing was written");

    // What had been begun goes on once payments are back.
    shop.five().restart("payment-service").await;
    eventually(
        Duration::from_secs(90),
        "every order has got somewhere",
        || async {
            let orders = customer.api.get("/api/orders?limit=100").await.at("/orders");
            let orders = orders.as_array().cloned().unwrap_or_default();
            orders
                .iter()
                .all(|o| o["status"] == "confirmed" || o["status"] == "cancelled")
                .then_some(())
        },
    )
    .await;
    shop.check_books().await;
}

// SAG-3, SAG-7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkout_goes_on_after_the_order_service_was_killed_in_it() {
    let mut shop = Shop::start(Form::FiveProcesses).await;
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Interrupted mug", "18.00", 100).await;
    let burst: Vec<_> = (0..30)
        .map(|n| {
            let api = customer.api.with("idempotency-key", format!("interrupted-{n}"));
            tokio::spawn(async move {
                let body = order_of(&[(mug, 1)]).to_string();
                let post = http::Method::POST;
                api.try_send(post, "/api/orders", Some("application/json"), body)
                    .await
            })
        })
        .collect();
    // Once some are in the middle of it.
    eventually(Duration::from_secs(10), "orders are being placed", || async {
        (shop.available(mug).await < 95).then_some(())
    })
    .await;
    shop.five().kill("order-service");
    drop(futures::future::join_all(burst).await);
    shop.five().restart("order-service").await;

    eventually(
        Duration::from_secs(60),
        "every order has got somewhere",
        || async {
            let answer = customer.api.get("/api/orders?limit=100").await;
            let orders = answer.at("/orders").as_array().cloned()?;
            let done = |o: &serde_json::Value| o["status"] == "confirmed" || o["status"] == "cancelled";
            orders.iter().all(done).then_some(())
        },
    )
    .await;
    shop.check_books().await;
    // A key whose request died is answered with the order that it made.
    let keyed = customer.api.with("idempotency-key", "interrupted-0");
    let answer = eventually(Duration::from_secs(60), "the key is free again", || async {
        let answer = keyed.post("/api/orders", &order_of(&[(mug, 1)])).await;
        (answer.status != 409 || answer.code() != "idempotency-in-progress").then_some(answer)
    });
    assert!(matches!(answer.await.status, 201 | 409));
    shop.check_books().await;
}
