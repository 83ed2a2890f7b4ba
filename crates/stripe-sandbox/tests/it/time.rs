//! Time that moves on command.

use http::Method;

use crate::harness::{Sandbox, TempDir};

const DAY: i64 = 24 * 3600;

// PAY-20
#[tokio::test]
async fn a_key_is_forgotten_after_a_day_of_the_sandboxs_time() {
    let stripe = Sandbox::open(None).await;
    let make = async || {
        stripe
            .send(
                Method::POST,
                "/v1/payment_intents",
                "amount=2000&currency=usd",
                Some("one"),
            )
            .await
            .json["id"]
            .clone()
    };
    let first = make().await;
    stripe.advance(DAY - 60).await;
    assert_eq!(make().await, first);
    stripe.advance(120).await;
    assert_ne!(make().await, first);
}

// PAY-20
#[tokio::test]
async fn the_clock_goes_forward_and_stays_ahead_over_a_restart() {
    let folder = TempDir::new("clock");
    let stripe = Sandbox::open(Some(&folder.file())).await;
    let before = stripe.get("/_sandbox/clock").await.json["now"].as_i64().unwrap();
    stripe.advance(5 * DAY).await;
    stripe.advance(DAY).await;
    for wrong in ["", "seconds=-1", "seconds=x", "seconds=999999999999"] {
        assert_eq!(
            stripe.post("/_sandbox/clock/advance", wrong).await.status,
            400,
            "{wrong}"
        );
    }
    drop(stripe);
    let stripe = Sandbox::open(Some(&folder.file())).await;
    let clock = stripe.get("/_sandbox/clock").await.json;
    assert_eq!(clock["ahead"], 6 * DAY);
    assert!(clock["now"].as_i64().unwrap() >= before + 6 * DAY);
    let intent = stripe.intent().await;
    let made = stripe.get(&format!("/v1/payment_intents/{intent}")).await.json;
    assert!(made["created"].as_i64().unwrap() >= before + 6 * DAY);
}

// PAY-20
#[tokio::test]
async fn events_older_than_thirty_days_are_no_longer_given() {
    let stripe = Sandbox::open(None).await;
    stripe.intent().await;
    let list = stripe.get("/v1/events").await.json;
    let id = list["data"][0]["id"].as_str().unwrap().to_owned();
    stripe.advance(29 * DAY).await;
    assert_eq!(stripe.get(&format!("/v1/events/{id}")).await.status, 200);
    stripe.advance(2 * DAY).await;
    stripe.intent().await;
    assert_eq!(stripe.get(&format!("/v1/events/{id}")).await.status, 404);
    assert_eq!(stripe.events().await, ["payment_intent.created"]);
}

#[tokio::test]
async fn a_list_holds_what_was_made_in_its_window() {
    let stripe = Sandbox::open(None).await;
    let start = stripe.get("/_sandbox/clock").await.json["now"].as_i64().unwrap();
    for day in 1..=3 {
        stripe.advance(DAY).await;
        let (_, charge) = stripe.paid("pm_card_visa").await;
        let form = format!("charge={charge}&amount={day}");
        stripe.post("/v1/refunds", &form).await;
        stripe
            .post(&format!("/_sandbox/charges/{charge}/dispute"), "")
            .await;
    }
    let (from, until) = (start + 2 * DAY - 60, start + 3 * DAY - 60);
    for what in [
        "payment_intents",
        "refunds",
        "disputes",
        "charges",
        "balance_transactions",
    ] {
        let path = format!("/v1/{what}?created[gte]={from}&created[lt]={until}&limit=100");
        let rows = stripe.get(&path).await.json["data"].as_array().unwrap().clone();
        let many = if what == "balance_transactions" { 3 } else { 1 };
        assert_eq!(rows.len(), many, "{what}");
        let at = rows[0]["created"].as_i64().unwrap();
        let exact = stripe.get(&format!("/v1/{what}?created={at}")).await.json;
        assert_eq!(exact["data"].as_array().unwrap().len(), many, "{what}");
        assert!(rows.iter().all(|r| {
            let at = r["created"].as_i64().unwrap();
            (from..until).contains(&at)
        }));
    }
}
