//! Failures, and what is not there.

use http::Method;
use serde_json::json;
use souk_test_shop::Shop;

// GW-12, GW-13, GW-17
pub async fn every_failure_is_a_problem_with_a_request_id(shop: &Shop) {
    let customer = shop.customer().await;
    let api = customer.api.with("x-request-id", "my-request-0001");
    let orders = "/api/orders";
    let send = async |content_type: Option<&str>, body: &'static str| {
        api.try_send(Method::POST, orders, content_type, body)
            .await
            .expect("an answer")
    };
    let json = Some("application/json");
    for (answer, status, code) in [
        (send(json, "{").await, 400, "malformed-request"),
        (send(json, "").await, 400, "malformed-request"),
        (
            send(Some("text/plain"), "{}").await,
            415,
            "unsupported-media-type",
        ),
        (send(json, "{\"items\": 7}").await, 422, "invalid-request"),
        (api.delete(orders).await, 405, "method-not-allowed"),
        (api.get("/api/nothing").await, 404, "not-found"),
        (api.get("/nothing").await, 404, "not-found"),
    ] {
        let answer = answer.refused(status, code);
        assert_eq!(answer.at("/status"), status);
        assert_eq!(answer.at("/requestId"), "my-request-0001");
        assert_eq!(answer.header("x-request-id"), "my-request-0001");
        assert!(
            answer.at("/title").is_string()
                && answer.at("/type").is_string()
                && answer.at("/detail").is_string()
        );
    }
    assert!(!api.delete(orders).await.header("allow").is_empty());
    let large = format!("{{\"shippingAddress\": \"{}\"}}", "x".repeat(1_100_000));
    let answer = api
        .try_send(Method::POST, orders, json, large)
        .await
        .expect("an answer");
    drop(answer.refused(413, "payload-too-large"));
    let odd = customer
        .api
        .with("x-request-id", "no spaces here")
        .get("/api/nothing")
        .await;
    assert_ne!(odd.header("x-request-id"), "no spaces here");
}

// GW-2, STK-15
pub async fn internal_routes_do_not_exist_at_the_edge(shop: &Shop) {
    for path in [
        "/souk.inventory.v1.Inventory/Hold",
        "/api/souk.inventory.v1.Inventory/Hold",
        "/internal",
        "//internal",
        "/%69nternal",
        "/api/../internal",
        "/metrics",
        "/api/metrics",
        "/METRICS",
        "/api/products/..%2f..%2fmetrics",
        "/api/users/live",
    ] {
        let answer = shop.api.post(path, &json!({})).await;
        assert!(
            matches!(answer.status, 400 | 401 | 404),
            "{path}: {}",
            answer.status
        );
        let answer = shop.api.get(path).await;
        assert!(
            matches!(answer.status, 400 | 401 | 404),
            "{path}: {}",
            answer.status
        );
    }
}

// OPS-1
pub async fn the_services_answer_the_same_paths_without_api(shop: &Shop) {
    let customer = shop.customer().await;
    let token = format!("Bearer {}", {
        let body = json!({"email": customer.email, "password": souk_test_shop::PASSWORD});
        let login = shop.api.post("/api/auth/login", &body).await.expect(200);
        login.at("/accessToken").as_str().unwrap_or_default().to_owned()
    });
    for (service, path) in [
        ("user-service", "/users/profile"),
        ("order-service", "/orders"),
        ("product-service", "/products"),
    ] {
        let api = shop.service(service).with("authorization", token.clone());
        drop(api.get(path).await.expect(200));
    }
    for service in [
        "user-service",
        "product-service",
        "order-service",
        "payment-service",
    ] {
        let api = shop.service(service);
        for path in ["/health", "/health/all", "/live", "/ready", "/startup"] {
            drop(api.get(path).await.expect(200));
        }
        let metrics = api.get("/metrics").await.expect(200);
        assert!(String::from_utf8_lossy(&metrics.bytes).contains("http_requests_total"));
    }
    let all = shop.api.get("/health/all").await.expect(200);
    assert_eq!(all.at("/status"), "ok", "{}", all.json());
    for (service, uses) in [
        ("product-service", "image-storage"),
        ("order-service", "mail"),
        ("payment-service", "stripe"),
    ] {
        let condition = format!("/services/{service}/dependencies/{uses}/status");
        assert_eq!(all.at(&condition), "ok", "{}", all.json());
    }
}
