//! What survives the process.

use std::io::Write as _;

use http::Method;

use crate::harness::{Sandbox, TempDir};

#[tokio::test]
async fn objects_keys_and_events_survive_a_restart_and_a_torn_last_line() {
    let journal = TempDir::new("restart");
    let form = "amount=2000&currency=usd";
    let (id, keyed, events) = {
        let stripe = Sandbox::open(Some(&journal.file())).await;
        let id = stripe.intent().await;
        stripe.confirm(&id, "pm_card_visa").await;
        let keyed = stripe
            .send(Method::POST, "/v1/payment_intents", form, Some("kept"))
            .await
            .json;
        (id, keyed, stripe.events().await)
    };
    // As if the process had died while it wrote.
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(journal.file())
        .unwrap();
    file.write_all(b"{\"objects\": [{\"id\": \"pi_half").unwrap();
    drop(file);

    let stripe = Sandbox::open(Some(&journal.file())).await;
    let intent = stripe.get(&format!("/v1/payment_intents/{id}")).await;
    assert_eq!(intent.json["status"], "succeeded");
    let replay = stripe
        .send(Method::POST, "/v1/payment_intents", form, Some("kept"))
        .await;
    assert_eq!(replay.json, keyed);
    assert_eq!(stripe.events().await, events);
    assert_eq!(stripe.intent().await.get(..3), Some("pi_"), "and it goes on");
}
