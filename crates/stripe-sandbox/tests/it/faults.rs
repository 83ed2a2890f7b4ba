//! Requests and webhooks that go wrong on demand.

use std::time::{Duration, Instant};

use futures::future::join;
use http::Method;
use serde_json::Value;

use crate::harness::{Answer, Sandbox};
use crate::receiver::{Receiver, all_taken, any_port, shared, start};

const MAKE: &str = "amount=2000&currency=usd";

async fn fault(stripe: &Sandbox, rule: &str) -> String {
    let made = stripe.post("/_sandbox/faults", rule).await;
    assert_eq!(made.status, 200, "{}", made.json);
    made.json["id"].as_str().unwrap().to_owned()
}

async fn make(stripe: &Sandbox) -> Answer {
    stripe
        .send(Method::POST, "/v1/payment_intents", MAKE, Some("one"))
        .await
}

async fn intents(stripe: &Sandbox) -> usize {
    let list = stripe.get("/v1/payment_intents").await.json;
    list["data"].as_array().unwrap().len()
}

// PAY-20
#[tokio::test]
async fn an_error_before_the_work_leaves_nothing_done_and_its_key_unused() {
    let stripe = Sandbox::open(None).await;
    for (status, kind, code) in [
        (409, "idempotency_error", Value::from("idempotency_key_in_use")),
        (429, "invalid_request_error", "rate_limit".into()),
        (500, "api_error", Value::Null),
    ] {
        fault(
            &stripe,
            &format!("on=request&method=POST&path=/v1/payment_intents*&do=status&status={status}&count=1"),
        )
        .await;
        let broken = make(&stripe).await;
        assert_eq!(
            (broken.status, &broken.json["error"]["type"]),
            (status, &kind.into())
        );
        assert_eq!(broken.json["error"]["code"], code);
    }
    assert_eq!(intents(&stripe).await, 0);
    let made = make(&stripe).await;
    assert_eq!((made.status, intents(&stripe).await), (200, 1));
    assert!(!made.headers.contains_key("idempotent-replayed"));
}

// PAY-20
#[tokio::test]
async fn an_answer_that_is_lost_after_the_work_is_given_again_under_its_key() {
    for rule in ["do=cut", "do=hang&ms=1", "do=status&status=500"] {
        let stripe = Sandbox::open(None).await;
        fault(&stripe, &format!("on=request&{rule}&after=true&count=1")).await;
        let lost = make(&stripe).await;
        assert!(lost.json.get("id").is_none(), "{rule}: {}", lost.json);
        assert_eq!(lost.broke, rule != "do=status&status=500", "{rule}");
        let again = make(&stripe).await;
        assert_eq!(
            (again.status, intents(&stripe).await),
            (200, 1),
            "the work was done once: {rule}"
        );
        assert_eq!(again.headers["idempotent-replayed"], "true");
    }
}

// PAY-20
#[tokio::test]
async fn a_twin_meets_the_key_of_a_request_that_is_delayed() {
    let stripe = Sandbox::open(None).await;
    fault(&stripe, "on=request&do=delay&ms=200&count=1").await;
    let begun = Instant::now();
    let (slow, twin) = join(make(&stripe), make(&stripe)).await;
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!((slow.status, twin.status), (200, 409));
}

#[tokio::test]
async fn rules_are_listed_counted_and_taken_back() {
    let stripe = Sandbox::open(None).await;
    let first = fault(&stripe, "on=request&path=/v1/refunds*&do=status&status=503").await;
    fault(&stripe, "on=webhook&do=drop&count=2").await;
    stripe.get("/v1/refunds").await;
    let rules = stripe.get("/_sandbox/faults").await.json;
    assert_eq!(rules["data"][0]["struck"], 1);
    assert_eq!(rules["data"][1]["left"], 2);
    assert_eq!(stripe.get("/v1/charges").await.status, 200, "another path");
    let one = format!("/_sandbox/faults/{first}");
    assert_eq!(stripe.send(Method::DELETE, &one, "", None).await.status, 200);
    assert_eq!(stripe.get("/v1/refunds").await.status, 200);
    assert_eq!(stripe.send(Method::DELETE, &one, "", None).await.status, 404);
    let all = stripe.send(Method::DELETE, "/_sandbox/faults", "", None).await;
    assert_eq!(all.json["cleared"], 1);
    for wrong in [
        "",
        "on=request",
        "on=request&do=status",
        "on=request&do=status&status=200",
        "on=webhook&do=cut",
        "on=webhook&do=duplicate&times=0",
        "on=request&do=cut&count=0",
        "on=request&do=cut&colour=red",
    ] {
        assert_eq!(
            stripe.post("/_sandbox/faults", wrong).await.status,
            400,
            "{wrong}"
        );
    }
}

// PAY-20
#[tokio::test]
async fn webhooks_are_dropped_doubled_and_overtaken() {
    let shared = shared();
    let mut receiver = Receiver::listen(&shared, any_port().await, 0);
    let (stripe, running) = start(&shared, receiver.address, None).await;

    fault(&stripe, "on=webhook&type=payment_intent.*&do=drop&count=1").await;
    let dropped = stripe.intent().await;
    all_taken(&stripe).await;
    let event = &stripe.get("/v1/events").await.json["data"][0];
    assert_eq!(event["data"]["object"]["id"], dropped, "Stripe still knows of it");

    fault(&stripe, "on=webhook&do=duplicate&times=2&count=1").await;
    let doubled = stripe.intent().await;
    for _ in 0..3 {
        assert_eq!(receiver.next().await.event()["data"]["object"]["id"], doubled);
    }
    all_taken(&stripe).await;

    fault(&stripe, "on=webhook&do=reorder&count=1").await;
    let (first, second) = (stripe.intent().await, stripe.intent().await);
    for expected in [second, first] {
        assert_eq!(receiver.next().await.event()["data"]["object"]["id"], expected);
    }
    all_taken(&stripe).await;
    running.stop(Duration::ZERO).await;
    assert!(receiver.arrivals.try_recv().is_err());
}

// PAY-20
#[tokio::test]
async fn a_webhook_is_late_and_one_held_back_goes_when_its_rule_does() {
    let shared = shared();
    let mut receiver = Receiver::listen(&shared, any_port().await, 0);
    let (stripe, running) = start(&shared, receiver.address, None).await;
    fault(&stripe, "on=webhook&do=delay&ms=600000&count=1").await;
    let late = stripe.intent().await;
    stripe.intent().await;
    assert_ne!(receiver.next().await.event()["data"]["object"]["id"], late);
    stripe.advance(600).await;
    assert_eq!(receiver.next().await.event()["data"]["object"]["id"], late);

    fault(&stripe, "on=webhook&do=reorder").await;
    let held = stripe.intent().await;
    while stripe.get("/_sandbox/faults").await.json["data"][1]["struck"] != 1 {
        tokio::task::yield_now().await;
    }
    stripe.send(Method::DELETE, "/_sandbox/faults", "", None).await;
    assert_eq!(receiver.next().await.event()["data"]["object"]["id"], held);
    all_taken(&stripe).await;
    running.stop(Duration::ZERO).await;
}
