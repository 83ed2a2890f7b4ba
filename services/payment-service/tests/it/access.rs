//! Who may do what.

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;
use types::Role;

use crate::harness::{ADMIN, ALICE, BOB, Payments};

// PAY-2
#[tokio::test]
async fn somebody_elses_order_is_as_if_it_were_not_there() {
    let shop = Payments::start().await;
    shop.ordered(81, 1_999).await;
    for (order, user) in [(81, BOB), (81, ADMIN), (999, ALICE)] {
        let answer = shop
            .post(user, "/payments/create-intent", json!({"orderId": order}))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (404, "order-not-found"),
            "{order} {user}"
        );
    }
    for path in ["/payments/order/81", "/payments/order/999"] {
        let answer = shop.get(BOB, path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (404, "payment-not-found")
        );
    }
    assert_eq!(shop.get(ALICE, "/payments/order/nonsense").await.status, 404);
}

// PAY-2
#[tokio::test]
async fn a_payment_is_shown_to_its_owner_and_admins_without_its_secret() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_999).await;
    for user in [ALICE, ADMIN] {
        let answer = shop.get(user, "/payments/order/81").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.text("amount"), "19.99");
        assert_eq!(answer.text("amountRefunded"), "0.00");
        assert_eq!(answer.text("paymentIntentId"), intent.payment_intent_id);
        assert!(!answer.body.to_string().contains(&intent.client_secret));
        let tag = answer.headers["etag"].to_str().unwrap().to_owned();
        let path = "/payments/order/81";
        let again = shop
            .call(user, Method::GET, path, &[("if-none-match", &tag)], None)
            .await;
        assert_eq!(again.status, 304);
    }
}

#[tokio::test]
async fn only_an_admin_in_a_standing_session_refunds() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    assert_eq!(
        shop.post(ALICE, "/payments/refund", json!({"orderId": 81}))
            .await
            .status,
        403
    );
    for token in [
        shop.token(ADMIN, Role::Admin, "ended"),
        "nonsense".to_owned(),
        String::new(),
    ] {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/payments/refund")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Body::from(r#"{"orderId": 81}"#));
        assert_eq!(shop.send(request.unwrap()).await.status, 401);
    }
    let request = Request::post("/payments/create-intent").header("content-type", "application/json");
    assert_eq!(
        shop.send(request.body(Body::from(r#"{"orderId": 81}"#)).unwrap())
            .await
            .status,
        401
    );
    assert_eq!(shop.status(81).await, "succeeded");
}

#[tokio::test]
async fn every_route_says_who_may_call_it() {
    let api = serde_json::to_value(payment_service::openapi()).unwrap();
    let paths = api["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 5);
    for operation in paths.values().flat_map(|p| p.as_object().unwrap().values()) {
        assert!(operation["x-access"].is_string(), "{operation}");
    }
}
