//! What the services write down.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use souk_test_shop::{Form, Shop, eventually};

// GW-12, GDP-4, PAY-18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_order_can_be_followed_by_its_ids_through_every_services_log_and_no_secret_is_in_them() {
    let logs = std::env::temp_dir().join(format!("souk-logs-{}", std::process::id()));
    let logs = logs.display().to_string();
    let more = [("LOG_FILTER", "info"), ("SOUK_TEST_LOGS", logs.as_str())];
    let shop = Shop::start_with(Form::FiveProcesses, &more).await;
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Followed mug", "18.00", 3).await;
    let traced = souk_test_shop::Person {
        api: customer.api.with("x-request-id", "follow-me-0001"),
        ..customer.clone()
    };
    let order = traced.orders(&[(mug, 1)]).await.expect(201);
    let secret = order.at("/payment/clientSecret");
    // A card number, wherever a client may put one.
    let card = "4000056655665556";
    let careless = souk_test_shop::Person {
        api: customer
            .api
            .with("x-request-id", card)
            .with("idempotency-key", card),
        ..customer.clone()
    };
    assert!(careless.orders(&[(mug, 1)]).await.status >= 400);
    drop(careless.api.get(&format!("/api/products?search={card}")).await);
    drop(careless.api.get(&format!("/api/{card}")).await);
    let body = serde_json::json!({"orderId": 1, "note": card});
    let refused = customer.api.post("/api/payments/create-intent", &body).await;
    assert!(refused.status >= 400, "{}", refused.status);

    let lines = || -> Vec<Value> {
        let names = [
            "api-gateway",
            "user-service",
            "product-service",
            "order-service",
            "payment-service",
        ];
        let texts = names.map(|n| std::fs::read_to_string(format!("{logs}/{n}.log")).unwrap_or_default());
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        texts.iter().flat_map(|text| text.lines()).map(parse).collect()
    };
    let followed = eventually(
        Duration::from_secs(10),
        "each service has written its line",
        || async {
            let followed: Vec<Value> = lines()
                .into_iter()
                .filter(|l| l["requestId"] == "follow-me-0001")
                .collect();
            let services: BTreeSet<_> = followed
                .iter()
                .filter_map(|l| l["service"].as_str())
                .map(str::to_owned)
                .collect();
            let all = [
                "api-gateway",
                "order-service",
                "payment-service",
                "product-service",
            ];
            all.iter().all(|s| services.contains(*s)).then_some(followed)
        },
    )
    .await;
    let traces: BTreeSet<_> = followed.iter().filter_map(|l| l["traceId"].as_str()).collect();
    assert_eq!(traces.len(), 1, "one trace: {traces:?}");
    let everything = lines()
        .iter()
        .map(Value::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    for hidden in [
        secret.as_str().unwrap_or_default(),
        &customer.email,
        souk_test_shop::PASSWORD,
        &customer.refresh_token,
        card,
    ] {
        assert!(
            !hidden.is_empty() && !everything.contains(hidden),
            "{hidden} is in a log"
        );
    }
    drop(std::fs::remove_dir_all(&logs));
}
