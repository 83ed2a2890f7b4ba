//! What the gateway answers itself.

use std::time::Duration;

use axum::body::Body;
use http::StatusCode;
use runtime::{Neighbour, Running};
use serde_json::json;

use crate::harness::{Gateway, local, request};

// OPS-1
#[tokio::test]
async fn its_own_health_does_not_depend_on_the_services() {
    let gateway = Gateway::with(|setup| setup.order = Some(Neighbour::local().0)).await;
    for path in ["/health", "/live", "/ready", "/startup"] {
        let answer = gateway.get(path).await;
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (StatusCode::OK, &json!("ok")),
            "{path}"
        );
        assert_eq!(answer.header("x-request-id").len(), 36);
    }
    let all = gateway.get("/health/all").await;
    assert_eq!(all.status, StatusCode::SERVICE_UNAVAILABLE);
    let all = all.json();
    assert_eq!(all["services"]["order-service"]["status"], "unreachable");
    assert_eq!(all["services"]["user-service"]["status"], "ok");
    assert!(all["services"]["user-service"]["latencyMs"].is_u64());
}

// OPS-1
#[tokio::test]
async fn all_services_are_asked_at_once_and_a_slow_one_is_not_waited_for() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.get("/health/all").await.status, StatusCode::OK);

    let hanging = axum::Router::new().route(
        "/health/all",
        axum::routing::get(std::future::pending::<&'static str>),
    );
    let gateway = Gateway::with(|setup| setup.order = Some(local(hanging))).await;
    let all = gateway.get("/health/all").await;
    assert_eq!(all.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(all.json()["services"]["order-service"]["status"], "timeout");
}

// OPS-1
#[tokio::test]
async fn a_service_that_goes_on_without_something_makes_the_shop_degraded_and_not_unavailable() {
    let says = |code: StatusCode, status: &'static str| {
        let health = move || async move {
            let mail = json!({"status": "unreachable"});
            let said = json!({"status": status, "service": "order-service", "dependencies": {"mail": mail}});
            (code, axum::Json(said))
        };
        local(axum::Router::new().route("/health/all", axum::routing::get(health)))
    };
    let gateway = Gateway::with(|setup| setup.order = Some(says(StatusCode::OK, "degraded"))).await;
    let all = gateway.get("/health/all").await;
    assert_eq!(all.status, StatusCode::OK);
    let all = all.json();
    assert_eq!(all["status"], "degraded");
    let order = &all["services"]["order-service"];
    assert_eq!(order["status"], "degraded");
    assert_eq!(order["dependencies"], json!({"mail": {"status": "unreachable"}}));
    assert_eq!(all["services"]["product-service"]["status"], "ok");

    let down = says(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    let gateway = Gateway::with(|setup| setup.order = Some(down)).await;
    let all = gateway.get("/health/all").await;
    assert_eq!(all.status, StatusCode::SERVICE_UNAVAILABLE);
    let all = all.json();
    let order = &all["services"]["order-service"];
    assert_eq!(
        (&all["status"], &order["status"]),
        (&json!("unavailable"), &json!("unavailable"))
    );
    assert_eq!(order["dependencies"]["mail"]["status"], "unreachable");
}

// OPS-1
#[tokio::test]
async fn what_says_nothing_that_can_be_understood_is_not_well() {
    let says = |text: String| {
        let health = move || async move { text };
        local(axum::Router::new().route("/health/all", axum::routing::get(health)))
    };
    for text in ["", "ok", "{}", &format!("[{}", " ".repeat(1_000_000))] {
        let order = says(text.to_owned());
        let gateway = Gateway::with(|setup| setup.order = Some(order)).await;
        let all = gateway.get("/health/all").await;
        assert_eq!(all.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(all.json()["services"]["order-service"]["status"], "unavailable");
    }
}

// OPS-1
#[tokio::test]
async fn a_redis_that_is_away_is_told_and_takes_nothing_out_of_service() {
    let gateway = Gateway::with(|setup| {
        setup.config.rates.on = true;
        setup.config.redis = Some(cache::RedisUrl::parse("redis://127.0.0.1:1").unwrap());
    })
    .await;
    let all = gateway.get("/health/all").await;
    assert_eq!(all.status, StatusCode::OK);
    let all = all.json();
    assert_eq!(all["status"], "degraded");
    assert_eq!(all["dependencies"], json!({"redis": {"status": "unreachable"}}));
    assert_eq!(gateway.get("/ready").await.status, StatusCode::OK);
}

// OPS-2
#[tokio::test]
async fn a_gateway_that_stops_says_that_it_is_not_ready() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.get("/ready").await.status, StatusCode::OK);
    Running::start(Vec::new(), gateway.shared.clone())
        .stop(Duration::ZERO)
        .await;
    let answer = gateway.get("/ready").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["reason"], "draining");
    assert_eq!(gateway.get("/live").await.status, StatusCode::OK);
    assert_eq!(
        gateway.get("/api/products").await.status,
        StatusCode::OK,
        "what still comes is served"
    );
}

#[tokio::test]
async fn the_api_is_described_and_shown_without_a_foreign_file() {
    let gateway = Gateway::start().await;
    let document = gateway.get("/api/openapi.json").await;
    assert_eq!(document.header("content-type"), "application/json");
    assert!(document.json()["openapi"].as_str().unwrap().starts_with("3.1"));
    let tag = document.header("etag").to_owned();
    let again = request("GET", "/api/openapi.json").header("if-none-match", tag);
    let again = gateway.call(again.body(Body::empty()).unwrap()).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));

    assert_eq!(gateway.get("/docs").await.header("location"), "/docs/");
    let page = gateway.get("/docs/").await;
    let text = String::from_utf8_lossy(&page.body).into_owned();
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'self'")
    );
    assert!(
        !text.contains("src=\"http") && !text.contains("href=\"http"),
        "{text}"
    );
    assert!(
        !text.contains("<script>"),
        "inline scripts are forbidden by the policy: {text}"
    );
    // In the program they are packed, which not everybody can read.
    let bundle = gateway.get("/docs/swagger-ui-bundle.js").await;
    assert_eq!(bundle.headers.get("content-encoding"), None);
    assert!(bundle.body.len() > 1_000_000 && std::str::from_utf8(&bundle.body).is_ok());
    let packed = request("GET", "/docs/swagger-ui-bundle.js").header("accept-encoding", "br");
    let packed = gateway.call(packed.body(Body::empty()).unwrap()).await;
    assert_eq!(packed.header("content-encoding"), "br");
    let script = gateway.get("/docs/swagger-initializer.js").await;
    assert!(String::from_utf8_lossy(&script.body).contains("/api/openapi.json"));

    assert_eq!(gateway.get("/").await.json()["openapi"], "/api/openapi.json");
}

// GW-2: metrics have an address of their own
#[tokio::test]
async fn metrics_are_not_on_the_public_port() {
    assert_eq!(api_gateway::PORTS.metrics, Some(9100));
    let gateway = Gateway::start().await;
    gateway.get("/metrics").await.expect(404, "not-found");
}
