//! Calls from web pages.

use api_gateway::Origins;
use axum::body::Body;
use http::StatusCode;

use crate::harness::{Answer, Gateway, request};

async fn preflight(gateway: &Gateway, origin: &str) -> Answer {
    let asked = request("OPTIONS", "/api/orders")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization");
    gateway.call(asked.body(Body::empty()).unwrap()).await
}

async fn get(gateway: &Gateway, origin: &str) -> Answer {
    let asked = request("GET", "/api/products").header("origin", origin);
    gateway.call(asked.body(Body::empty()).unwrap()).await
}

// GW-14
#[tokio::test]
async fn a_page_of_a_listed_origin_may_call_and_no_other() {
    let gateway =
        Gateway::with(|setup| setup.config.origins = Origins::parse("https://shop.example").unwrap()).await;
    let good = preflight(&gateway, "https://shop.example").await;
    assert_eq!(good.status, StatusCode::NO_CONTENT);
    assert_eq!(good.header("access-control-allow-origin"), "https://shop.example");
    assert_eq!(good.header("access-control-allow-credentials"), "true");
    assert_eq!(good.header("access-control-max-age"), "600");
    assert!(
        good.header("access-control-allow-headers")
            .contains("Authorization")
    );
    assert!(good.header("access-control-allow-methods").contains("PUT"));
    assert_eq!(gateway.reached(), 0, "a preflight ends at the gateway");

    let answer = get(&gateway, "https://shop.example").await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://shop.example"
    );
    let exposed = answer.header("access-control-expose-headers").to_owned();
    for name in [
        "ETag",
        "Location",
        "Retry-After",
        "X-Request-Id",
        "RateLimit",
        "Idempotent-Replayed",
    ] {
        assert!(exposed.contains(name), "{name}: {exposed}");
    }

    for stranger in [
        "https://shop.example.evil.example",
        "https://evil.example",
        "http://shop.example",
        "https://SHOP.example",
        "https://shop.example:443",
        "null",
        "*",
    ] {
        let refused = preflight(&gateway, stranger).await;
        for answer in [&refused, &get(&gateway, stranger).await] {
            assert!(
                !answer.headers.contains_key("access-control-allow-origin"),
                "{stranger}"
            );
            assert!(
                !answer.headers.contains_key("access-control-allow-credentials"),
                "{stranger}"
            );
        }
        assert!(
            !refused.headers.contains_key("access-control-allow-methods"),
            "{stranger}"
        );
    }
    for answer in [
        gateway.get("/api/products").await,
        gateway.get("/nowhere").await,
        good,
    ] {
        let vary = answer.headers.get_all("vary").iter().any(|v| v == "Origin");
        assert!(
            vary,
            "a cache must not give one origin's answer to another: {answer:?}"
        );
    }
}

// GW-14
#[tokio::test]
async fn a_star_never_comes_with_credentials() {
    let gateway = Gateway::with(|setup| setup.config.origins = Origins::Any).await;
    for answer in [
        preflight(&gateway, "https://any.example").await,
        get(&gateway, "https://any.example").await,
    ] {
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
}

// GW-14: a page must be able to read why it was refused
#[tokio::test]
async fn problems_are_shown_to_the_page_as_well() {
    let gateway = Gateway::start().await;
    let asked = request("GET", "/api/orders").header("origin", "http://localhost:3000");
    let answer = gateway.call(asked.body(Body::empty()).unwrap()).await;
    answer.expect(401, "unauthenticated");
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "http://localhost:3000"
    );
}
