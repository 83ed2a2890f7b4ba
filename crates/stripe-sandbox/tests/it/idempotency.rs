//! Requests under a key.

use futures::future::join_all;
use http::Method;

use crate::harness::Sandbox;

#[tokio::test]
async fn a_key_replays_its_answer_and_takes_no_other_parameters() {
    let stripe = Sandbox::open(None).await;
    let make = async |form: &str| {
        stripe
            .send(Method::POST, "/v1/payment_intents", form, Some("one"))
            .await
    };
    let first = make("amount=2000&currency=usd").await;
    let again = make("amount=2000&currency=usd").await;
    assert_eq!(first.json, again.json);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let other = make("amount=3000&currency=usd").await;
    assert_eq!(
        (other.status, &other.json["error"]["type"]),
        (400, &"idempotency_error".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_requests_under_one_key_make_one_intent() {
    let stripe = Sandbox::open(None).await;
    let form = "amount=2000&currency=usd";
    let sent = (0..50).map(|_| stripe.send(Method::POST, "/v1/payment_intents", form, Some("one")));
    for answer in join_all(sent).await {
        assert!(matches!(answer.status, 200 | 409), "{}", answer.json);
    }
    let list = stripe.get("/v1/payment_intents").await.json;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}
