//! What crosses the gateway, and what ends there.

use axum::body::Body;
use http::{Request, StatusCode};

use crate::harness::{Gateway, from, request};

// GW-1
#[tokio::test]
async fn what_a_client_may_not_say_does_not_reach_a_service() {
    let gateway = Gateway::start().await;
    let spoofed = [
        ("x-user-id", "1"),
        ("X-User-Role", "admin"),
        ("x-internal-token", "yes"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-user", "root"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-prefix", "/admin"),
        ("forwarded", "for=10.0.0.1"),
        ("x-real-ip", "10.0.0.1"),
        ("x-original-url", "/internal"),
        ("x-rewrite-url", "/internal"),
        ("x-http-method-override", "DELETE"),
        ("connection", "x-named, keep-alive"),
        ("connection", "x-also-named"),
        ("x-named", "1"),
        ("x-also-named", "1"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"),
        ("proxy-authorization", "Basic eDp5"),
        ("proxy-connection", "keep-alive"),
    ];
    let mut asked = request("GET", "/api/products/7").header("accept-language", "de");
    for (name, value) in spoofed {
        asked = asked.header(name, value);
    }
    let asked = from("203.0.113.9", asked.body(Body::empty()).unwrap());
    assert_eq!(gateway.call(asked).await.status, StatusCode::OK);

    let headers = gateway.last_seen().headers;
    let set_by_us = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
    for (name, _) in spoofed {
        let name = name.to_ascii_lowercase();
        assert!(
            set_by_us.contains(&name.as_str()) || !headers.contains_key(&name),
            "{name}"
        );
    }
    assert_eq!(headers["x-forwarded-for"], "203.0.113.9");
    assert_eq!(headers["x-forwarded-proto"], "http");
    assert_eq!(headers["x-forwarded-host"], "shop.test");
    assert_eq!(headers["accept-language"], "de", "the rest goes on");
}

// GW-1
#[tokio::test]
async fn our_own_proxies_are_believed_as_far_as_they_reach() {
    let gateway = Gateway::with(|setup| setup.config.trusted_hops = 2).await;
    for (sent, passed) in [
        ("203.0.113.9, 10.0.0.2", "203.0.113.9, 10.0.0.2, 10.0.0.1"),
        (
            "6.6.6.6, 203.0.113.9, 10.0.0.2",
            "203.0.113.9, 10.0.0.2, 10.0.0.1",
        ),
        ("6.6.6.6, not an address, 10.0.0.2", "10.0.0.2, 10.0.0.1"),
        ("", "10.0.0.1"),
    ] {
        let asked = request("GET", "/api/products/7")
            .header("x-forwarded-for", sent)
            .header("x-forwarded-proto", "http, https")
            .header("x-forwarded-host", "souk.example");
        let answer = gateway
            .call(from("10.0.0.1", asked.body(Body::empty()).unwrap()))
            .await;
        let headers = gateway.last_seen().headers;
        assert_eq!(headers["x-forwarded-for"], passed);
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], "souk.example");
        assert!(answer.headers.contains_key("strict-transport-security"));
    }
}

// GW-12
#[tokio::test]
async fn a_request_id_and_a_trace_are_taken_or_made_and_handed_on() {
    let gateway = Gateway::start().await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let asked = request("GET", "/api/products/7")
        .header("x-request-id", "order-4711_a")
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    let answer = gateway.call(asked.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("x-request-id"), "order-4711_a");
    let seen = gateway.last_seen().headers;
    assert_eq!(seen["x-request-id"], "order-4711_a");
    assert!(seen["traceparent"].to_str().unwrap().contains(trace));

    for bad in [
        "short",
        "white space 12",
        "<script>alert(1)</script>",
        &"a".repeat(65),
    ] {
        let asked = request("GET", "/api/nowhere").header("x-request-id", bad);
        let answer = gateway.call(asked.body(Body::empty()).unwrap()).await;
        answer.expect(404, "not-found");
        assert_eq!(answer.header("x-request-id").len(), 36, "a UUID");
        assert_eq!(answer.headers.get_all("x-request-id").iter().count(), 1);
    }
    gateway.get("/api/%zz").await.expect(400, "malformed-request");
}

// GW-14
#[tokio::test]
async fn what_a_service_may_not_say_does_not_reach_the_client() {
    let gateway = Gateway::start().await;
    let answer = gateway.get("/api/products/chatty").await;
    for name in [
        "server",
        "x-powered-by",
        "connection",
        "x-secret",
        "keep-alive",
        "access-control-allow-origin",
        "x-internal-host",
    ] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert!(
        answer
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert!(
        !answer.headers.contains_key("strict-transport-security"),
        "not over plain HTTP"
    );
    for own in ["/", "/health", "/nowhere", "/%zz"] {
        assert_eq!(
            gateway.get(own).await.header("x-content-type-options"),
            "nosniff",
            "{own}"
        );
    }
    let strict = Gateway::with(|setup| setup.config.strict_transport = true).await;
    assert!(
        strict
            .get("/health")
            .await
            .header("strict-transport-security")
            .contains("max-age=31536000")
    );
}

#[tokio::test]
async fn a_services_own_paths_become_ours() {
    let gateway = Gateway::start().await;
    assert_eq!(
        gateway.post("/api/orders/created", "{}").await.header("location"),
        "/api/orders/7"
    );
    let elsewhere = gateway.get("/api/products/elsewhere").await;
    assert_eq!(elsewhere.header("location"), "https://stripe.example/x");
}

#[tokio::test]
async fn a_request_names_one_host() {
    let gateway = Gateway::start().await;
    let none = Request::get("/api/products").body(Body::empty()).unwrap();
    gateway.call(none).await.expect(400, "malformed-request");
    let two = request("GET", "/api/products").header("host", "evil.example");
    gateway
        .call(two.body(Body::empty()).unwrap())
        .await
        .expect(400, "malformed-request");
}
