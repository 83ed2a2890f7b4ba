//! Events reach whoever listens: signed, again until they are taken, and across restarts.

use std::time::Duration;

use stripe_sandbox::EnabledEvents;
use tokio::net::TcpListener;

use crate::harness::TempDir;
use crate::receiver::{self, Receiver, all_taken, any_port, shared, start, start_telling};

const OF_A_PAYMENT: [&str; 3] = [
    "charge.succeeded",
    "payment_intent.created",
    "payment_intent.succeeded",
];

#[tokio::test]
async fn what_happens_is_told_with_a_signature_over_the_bytes_that_are_sent() {
    let shared = shared();
    let mut receiver = Receiver::listen(&shared, any_port().await, 0);
    let (stripe, running) = start(&shared, receiver.address, None).await;
    let intent = stripe.intent().await;
    stripe.confirm(&intent, "pm_card_visa").await;
    let mut types = Vec::new();
    for _ in 0..3 {
        let arrival = receiver.next().await;
        assert!(arrival.signed_at() > 0);
        let event = arrival.event();
        assert_eq!(event["livemode"], false);
        types.push(event["type"].as_str().unwrap().to_owned());
    }
    types.sort();
    assert_eq!(types, OF_A_PAYMENT);
    running.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn an_endpoint_is_told_of_the_types_that_it_names_and_the_others_are_listed() {
    let shared = shared();
    let mut receiver = Receiver::listen(&shared, any_port().await, 0);
    let only = EnabledEvents::Only(vec!["payment_intent.succeeded".to_owned()]);
    let (stripe, running) = start_telling(&shared, receiver.address, only, None).await;
    let intent = stripe.intent().await;
    stripe.confirm(&intent, "pm_card_visa").await;
    assert_eq!(receiver.next().await.event()["type"], "payment_intent.succeeded");
    all_taken(&stripe).await;
    running.stop(Duration::ZERO).await;
    assert!(receiver.arrivals.try_recv().is_err());
    let mut listed = stripe.events().await;
    listed.sort();
    assert_eq!(listed, OF_A_PAYMENT);
}

#[tokio::test]
async fn an_event_that_is_not_taken_comes_again_the_same_and_freshly_signed() {
    let shared = shared();
    let mut receiver = Receiver::listen(&shared, any_port().await, 3);
    let (stripe, running) = start(&shared, receiver.address, None).await;
    stripe.intent().await;
    let first = receiver.next().await;
    let mut last = first.signed_at();
    for _ in 0..3 {
        // What waits for its next turn is hurried along.
        stripe.post("/_sandbox/webhooks/redeliver", "").await;
        let again = receiver.next().await;
        assert_eq!(again.body, first.body);
        assert!(again.signed_at() >= last);
        last = again.signed_at();
    }
    all_taken(&stripe).await;
    // What was taken comes again only if it is asked for by its id.
    let id = first.event()["id"].as_str().unwrap().to_owned();
    stripe
        .post("/_sandbox/webhooks/redeliver", &format!("event={id}"))
        .await;
    assert_eq!(receiver.next().await.event()["id"], id);
    running.stop(Duration::ZERO).await;
    assert!(receiver.arrivals.try_recv().is_err());
}

#[tokio::test]
async fn what_nobody_took_is_told_after_a_restart() {
    let folder = TempDir::new("webhooks");
    let journal = folder.file();
    let port = any_port().await;
    let target = port.local_addr().unwrap();
    drop(port);
    {
        let shared = shared();
        let (stripe, running) = start(&shared, target, Some(&journal)).await;
        let intent = stripe.intent().await;
        stripe.confirm(&intent, "pm_card_visa").await;
        let waiting = stripe.get("/_sandbox/webhooks").await;
        assert_eq!(waiting.json["pending"], 3, "{}", waiting.json);
        running.stop(Duration::ZERO).await;
    }
    let shared = receiver::shared();
    let mut receiver = Receiver::listen(&shared, TcpListener::bind(target).await.unwrap(), 0);
    let (stripe, running) = start(&shared, target, Some(&journal)).await;
    assert_eq!(receiver.types(3).await, OF_A_PAYMENT);
    all_taken(&stripe).await;
    running.stop(Duration::ZERO).await;
    drop(stripe);

    // What was taken is not told once more.
    let shared = receiver::shared();
    let mut receiver = Receiver::listen(&shared, TcpListener::bind(target).await.unwrap(), 0);
    let (stripe, running) = start(&shared, target, Some(&journal)).await;
    assert_eq!(stripe.get("/_sandbox/webhooks").await.json["pending"], 0);
    running.stop(Duration::ZERO).await;
    assert!(receiver.arrivals.try_recv().is_err());
}

#[tokio::test]
async fn an_event_asked_for_while_it_is_on_its_way_comes_once_more() {
    let folder = TempDir::new("in-flight");
    let shared = shared();
    let mut receiver = Receiver::listen(&shared, any_port().await, 0);
    let (stripe, running) = start(&shared, receiver.address, Some(&folder.file())).await;
    let held = receiver.hold().await;
    // As many as are delivered at a time: the receiver has them all and did not answer yet.
    let mut ids = Vec::new();
    for _ in 0..8 {
        stripe.intent().await;
        let arrival = receiver.arrivals.recv().await.unwrap();
        ids.push(arrival.event()["id"].as_str().unwrap().to_owned());
    }
    let id = &ids[0];
    for _ in 0..2 {
        let asked = stripe
            .post("/_sandbox/webhooks/redeliver", &format!("event={id}"))
            .await;
        assert_eq!(asked.status, 200);
    }
    drop(held);
    assert_eq!(receiver.next().await.event()["id"], *id);
    all_taken(&stripe).await;
    running.stop(Duration::ZERO).await;
    assert!(receiver.arrivals.try_recv().is_err(), "once more, not twice");
}
