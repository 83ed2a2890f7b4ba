//! The check at the edge.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use http::StatusCode;

use crate::harness::{Answer, Gateway, request};

async fn send(gateway: &Gateway, method: &str, path: &str, authorization: Option<&str>) -> Answer {
    let mut request = request(method, path);
    if let Some(value) = authorization {
        request = request.header("authorization", value);
    }
    gateway.call(request.body(Body::empty()).unwrap()).await
}

// GW-1
#[tokio::test]
async fn a_route_that_needs_a_token_is_closed_without_one() {
    let gateway = Gateway::start().await;
    for (method, path) in [
        ("GET", "/api/users/profile"),
        ("PUT", "/api/users/profile"),
        ("POST", "/api/products"),
        ("DELETE", "/api/products/7"),
        ("PATCH", "/api/products/7"),
        ("BREW", "/api/products/7"),
        ("POST", "/api/products/7/upload-image"),
        ("POST", "/api/categories"),
        ("DELETE", "/api/images/7"),
        ("GET", "/api/orders"),
        ("POST", "/api/orders"),
        ("GET", "/api/orders/7/history"),
        ("POST", "/api/payments/refund"),
        ("GET", "/api/payments/order/7"),
        ("POST", "/api/payments/webhook/x"),
        ("POST", "/api/payments/Webhook"),
    ] {
        let answer = send(&gateway, method, path, None).await;
        answer.expect(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{method} {path}");
    }
    assert_eq!(gateway.reached(), 0);
    for (method, path) in [
        ("GET", "/api/products"),
        ("GET", "/api/categories"),
        ("GET", "/api/images/7"),
        ("POST", "/api/auth/login"),
        ("POST", "/api/auth/refresh"),
        ("POST", "/api/payments/webhook"),
    ] {
        assert_eq!(
            send(&gateway, method, path, None).await.status,
            StatusCode::OK,
            "{method} {path}"
        );
    }
}

// GW-1
#[tokio::test]
async fn a_bad_token_opens_nothing_not_even_what_is_open() {
    let gateway = Gateway::start().await;
    let good = gateway.token(1);
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    // {"alg":"none"} and {"alg":"HS256","kid":"k1"}
    let bad = [
        format!("Bearer {head}.{claims}."),
        format!("Bearer eyJhbGciOiJub25lIn0.{claims}."),
        format!("Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.{claims}.{signature}"),
        format!("Bearer {head}.{claims}x.{signature}"),
        format!("Bearer {}", Gateway::start().await.token(1)),
        format!("Bearer {}", gateway.token_for(1, -1)),
        format!("Basic {good}"),
        "Bearer".to_owned(),
        good.clone(),
    ];
    for authorization in &bad {
        for path in ["/api/products", "/api/users/profile", "/api/orders"] {
            send(&gateway, "GET", path, Some(authorization))
                .await
                .expect(401, "unauthenticated");
        }
        // The webhook's proof is its signature, a refresh's the token in its body.
        for path in ["/api/payments/webhook", "/api/auth/refresh"] {
            let answer = send(&gateway, "POST", path, Some(authorization)).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
        }
    }
    assert_eq!(gateway.reached(), 2 * bad.len());
}

// GW-1
#[tokio::test]
async fn the_token_is_handed_on_for_the_service_to_check_again() {
    let gateway = Gateway::start().await;
    let authorization = format!("Bearer {}", gateway.token(7));
    let answer = send(&gateway, "GET", "/api/orders", Some(&authorization)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        gateway.last_seen().headers["authorization"],
        authorization.as_str()
    );
}

// GW-1
#[tokio::test]
async fn tokens_are_checked_with_the_keys_at_hand_while_user_service_is_down() {
    let gateway = Gateway::start().await;
    gateway.keys_up.store(false, Ordering::SeqCst);
    let cold = gateway.get_as(1, "/api/orders").await;
    cold.expect(503, "service-unavailable");
    assert!(!cold.header("retry-after").is_empty());
    assert_eq!(
        gateway.get("/api/products").await.status,
        StatusCode::OK,
        "what is open stays open"
    );

    gateway.keys_up.store(true, Ordering::SeqCst);
    assert_eq!(gateway.get_as(1, "/api/orders").await.status, StatusCode::OK);
    gateway.keys_up.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        gateway.clock.advance(Duration::from_secs(400));
        assert_eq!(gateway.get_as(1, "/api/orders").await.status, StatusCode::OK);
    }
}
