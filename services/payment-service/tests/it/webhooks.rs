//! What the provider tells us.

use std::time::Duration;

use futures::future::join_all;
use payment_service::stripe::sign;
use runtime::Secret;
use serde_json::{Value, json};
use types::Clock as _;

use crate::harness::{ALICE, Payments, SECRET};

fn with(mut event: Value, id: &str) -> Value {
    event["id"] = json!(id);
    event
}

// PAY-6
#[tokio::test]
async fn what_is_forged_stale_oversized_or_cut_is_refused_and_not_stored() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    let body = shop.event("payment_intent.succeeded").await.to_string();
    let now = shop.clock.now();
    let good = sign(&Secret::new(SECRET), body.as_bytes(), now);
    let forged = sign(&Secret::new("whsec_guess"), body.as_bytes(), now);
    let stale = sign(
        &Secret::new(SECRET),
        body.as_bytes(),
        now - Duration::from_secs(301),
    );
    let future = sign(
        &Secret::new(SECRET),
        body.as_bytes(),
        now + Duration::from_secs(301),
    );
    for signature in ["", "nonsense", "t=1,v1=00", &forged, &stale, &future] {
        let answer = shop.webhook(signature, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "invalid-signature"),
            "{signature}"
        );
    }
    let cut = body.get(..body.len() - 1).unwrap().to_owned();
    assert_eq!(shop.webhook(&good, cut).await.code(), "invalid-signature");
    assert_eq!(
        shop.webhook(&good, body.replace("1000", "1001")).await.code(),
        "invalid-signature"
    );
    let large = "x".repeat(256 * 1024 + 1);
    let signature = sign(&Secret::new(SECRET), large.as_bytes(), now);
    assert_eq!(shop.webhook(&signature, large).await.status, 413);
    for nonsense in ["", "[]", "{}", "not json"] {
        let signature = sign(&Secret::new(SECRET), nonsense.as_bytes(), now);
        assert_eq!(shop.webhook(&signature, nonsense).await.status, 400, "{nonsense}");
    }
    assert_eq!(shop.count("select count(*) from webhook_events").await, 0);

    let rotated = sign(&Secret::new("whsec_next"), body.as_bytes(), now);
    let answer = shop.webhook(&rotated, body.clone()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.body),
        (200, json!({"received": true}))
    );
    assert_eq!(
        shop.webhook(&good, body).await.status,
        200,
        "a replay within the tolerance is a repetition"
    );
    shop.settle().await;
    assert_eq!(shop.heard(), ["succeeded"]);
}

// PAY-6
#[tokio::test]
async fn unknown_types_are_stored_and_another_mode_or_account_is_ignored() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    let paid = shop.event("payment_intent.succeeded").await;
    let mut live = with(paid.clone(), "evt_live");
    live["livemode"] = json!(true);
    let mut elsewhere = with(paid, "evt_account");
    elsewhere["account"] = json!("acct_other");
    let odd =
        json!({"id": "evt_odd", "type": "tea.brewed", "livemode": false, "data": {"object": {"a": "\u{0}"}}});
    for event in [live, elsewhere, odd] {
        assert_eq!(shop.deliver(&event).await.status, 200);
    }
    shop.settle().await;
    assert_eq!(shop.status(81).await, "pending");
    assert_eq!(
        shop.count("select count(*) from webhook_events where state = 'ignored'")
            .await,
        2
    );
    assert_eq!(
        shop.count("select count(*) from webhook_events where state = 'processed'")
            .await,
        1
    );
}

// PAY-7
#[tokio::test]
async fn an_event_that_cannot_be_stored_is_not_acknowledged() {
    let shop = Payments::start().await;
    sqlx::query("alter table webhook_events rename to gone")
        .execute(&shop.db.pool)
        .await
        .unwrap();
    let event = json!({"id": "evt_1", "type": "tea.brewed", "livemode": false, "data": {"object": {}}});
    let answer = shop.deliver(&event).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (503, "service-unavailable")
    );
    assert!(answer.headers.contains_key("retry-after"));
    sqlx::query("alter table gone rename to webhook_events")
        .execute(&shop.db.pool)
        .await
        .unwrap();
    assert_eq!(shop.deliver(&event).await.status, 200);
}

// PAY-8
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_deliveries_of_one_event_have_one_effect() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    let paid = shop.event("payment_intent.succeeded").await;
    let work = async {
        for _ in 0..5 {
            shop.settle().await;
        }
    };
    let (answers, ()) = tokio::join!(join_all((0..100).map(|_| shop.deliver(&paid))), work);
    assert!(answers.iter().all(|a| a.status == 200));
    tokio::join!(shop.settle(), shop.settle(), shop.settle());
    assert_eq!(shop.heard(), ["succeeded"]);
    assert_eq!(shop.count("select count(*) from webhook_events").await, 1);
}

// PAY-8
#[tokio::test(flavor = "multi_thread")]
async fn two_events_about_one_fact_have_one_effect() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_chargeDeclined").await;
    let failed = shop.event("payment_intent.payment_failed").await;
    for id in ["evt_f1", "evt_f2"] {
        shop.deliver(&with(failed.clone(), id)).await;
    }
    tokio::join!(shop.settle(), shop.settle());
    assert_eq!(
        (shop.heard(), shop.status(81).await.as_str()),
        (vec!["failed".to_owned()], "failed")
    );

    shop.pay(&intent, "pm_card_visa").await;
    let paid = shop.event("payment_intent.succeeded").await;
    for id in ["evt_s1", "evt_s2", "evt_s3"] {
        shop.deliver(&with(paid.clone(), id)).await;
    }
    tokio::join!(shop.settle(), shop.settle());
    assert_eq!(shop.heard(), ["failed", "succeeded"]);
    assert_eq!(shop.payment(81).await["lastError"], json!(null));
}

// PAY-11
#[tokio::test]
async fn an_event_that_is_faster_than_our_own_books_finds_its_order_by_metadata() {
    let shop = Payments::start().await;
    shop.road.fail([crate::doubles::Fault::LoseAnswer]);
    shop.order(81, 1_000);
    assert!(shop.create(81, 1_000).await.is_err());
    let intent = shop.intents().await[0]["id"].as_str().unwrap().to_owned();
    shop.pay(&intent, "pm_card_visa").await;
    shop.deliver_all().await;
    shop.settle().await;
    assert_eq!(
        (shop.status(81).await.as_str(), shop.heard()),
        ("succeeded", vec!["succeeded".to_owned()])
    );
    shop.after(Duration::from_secs(60)).await;
    assert_eq!(
        shop.count("select count(*) from operations where state = 'started'")
            .await,
        0
    );
    assert_eq!(shop.intents().await.len(), 1);
}

// PAY-11
#[tokio::test]
async fn an_event_about_nothing_of_ours_is_tried_for_a_day_and_then_given_up() {
    let shop = Payments::start().await;
    let stray = shop
        .provider(
            http::Method::POST,
            "/v1/payment_intents",
            "amount=1000&currency=usd&metadata[order_id]=81",
        )
        .await;
    shop.ordered(81, 1_000).await;
    shop.pay(stray["id"].as_str().unwrap(), "pm_card_visa").await;
    shop.deliver(&shop.event("payment_intent.succeeded").await).await;
    shop.settle().await;
    for _ in 0..3 {
        shop.after(Duration::from_secs(3_600)).await;
    }
    let waiting =
        "select count(*) from webhook_events where state = 'received' and attempts > 3 and error is not null";
    assert_eq!(shop.count(waiting).await, 1, "never processed");
    assert_eq!(shop.status(81).await, "pending");
    shop.after(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(
        shop.count("select count(*) from webhook_events where state = 'dead'")
            .await,
        1
    );
}

// PAY-7
#[tokio::test]
async fn an_event_of_a_kind_that_nobody_reads_is_given_up_like_any_other_once_it_is_to_be_worked_off() {
    let shop = Payments::start().await;
    for (id, kind) in [
        ("evt_1", "tea.brewed"),
        ("evt_2", "charge.refund.brewed"),
        ("evt_3", "payment_intent.created"),
    ] {
        let event = json!({"id": id, "type": kind, "livemode": false, "data": {"object": {}}});
        assert_eq!(shop.deliver(&event).await.status, 200);
    }
    let kept = "select count(*) from webhook_events where state = 'processed' and attempts = 0";
    assert_eq!(shop.count(kept).await, 3);
    sqlx::query("update webhook_events set state = 'received'")
        .execute(&shop.db.pool)
        .await
        .unwrap();
    shop.settle().await;
    let waits = "select count(*) from webhook_events where state = 'received' and error like 'nothing here%'";
    assert_eq!(shop.count(waits).await, 3);
    shop.after(Duration::from_secs(24 * 3_600)).await;
    let dead = "select count(*) from webhook_events where state = 'dead'";
    assert_eq!(shop.count(dead).await, 3);
}

// PAY-14
#[tokio::test]
async fn another_amount_or_currency_is_a_mismatch_and_not_a_payment() {
    let shop = Payments::start().await;
    for (order, field, value) in [
        (81, "amount_received", json!(999)),
        (82, "currency", json!("eur")),
        (83, "amount_received", json!(1_001)),
    ] {
        let intent = shop.ordered(order, 1_000).await.payment_intent_id;
        shop.pay(&intent, "pm_card_visa").await;
        let mut paid = shop.event("payment_intent.succeeded").await;
        paid["data"]["object"][field] = value;
        shop.deliver(&paid).await;
        shop.settle().await;
        assert_eq!(shop.status(order).await, "mismatch");
        let answer = shop
            .post(ALICE, "/payments/create-intent", json!({"orderId": order}))
            .await;
        assert_eq!(answer.code(), "not-payable");
    }
    assert_eq!(shop.heard(), ["mismatched"; 3]);
}

// PAY-9, PAY-16
#[tokio::test]
async fn lost_webhooks_are_made_good_by_reading() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    shop.clock.advance(crate::harness::RECHECK);
    assert_eq!(
        payment_service::jobs::recheck::run_due(&shop.app).await.unwrap(),
        1
    );
    assert_eq!(
        payment_service::jobs::recheck::run_due(&shop.app).await.unwrap(),
        0
    );
    shop.settle().await;
    assert_eq!(
        (shop.status(81).await.as_str(), shop.heard()),
        ("succeeded", vec!["succeeded".to_owned()])
    );
    payment_service::jobs::prune::run_due(&shop.app).await.unwrap();
}

// PAY-7: as long as a saga's lease (SAG-7), and no longer.
#[tokio::test]
async fn what_a_killed_worker_was_at_is_taken_up_within_twenty_seconds() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    let paid = shop.event("payment_intent.succeeded").await;
    shop.deliver(&paid).await;

    let mut lock = pg::begin(&shop.db.pool).await.unwrap();
    sqlx::query("select id from payments for update")
        .fetch_all(&mut *lock)
        .await
        .unwrap();
    let worker = payment_service::jobs::webhooks::run_due(&shop.app);
    let killed = tokio::time::timeout(std::time::Duration::from_millis(300), worker).await;
    assert!(killed.is_err(), "it waits for the payment, and dies waiting");
    lock.rollback().await.unwrap();

    assert_eq!(
        payment_service::jobs::webhooks::run_due(&shop.app).await.unwrap(),
        0
    );
    shop.clock.advance(std::time::Duration::from_secs(20));
    assert_eq!(
        payment_service::jobs::webhooks::run_due(&shop.app).await.unwrap(),
        1
    );
    assert_eq!(shop.status(81).await, "succeeded");
}

// PAY-6: a newer version of the API, and types that nobody has heard of, are no reason to refuse an event.
#[tokio::test]
async fn events_of_another_api_version_and_of_types_that_nobody_knows_are_taken() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    let mut paid = shop.event("payment_intent.succeeded").await;
    paid["api_version"] = json!("2031-12-31.zinnia");
    paid["data"]["object"]["a_field_of_tomorrow"] = json!({"deep": [1, null, {}]});
    let bare = json!({"id": "evt_bare", "type": "v3.core.something.happened", "livemode": false,
                      "api_version": null, "data": {"object": {"object": "something"}}});
    let tea =
        json!({"id": "evt_tea", "type": "charge.dispute.brewed", "livemode": false, "data": {"object": {}}});
    for event in [&paid, &bare, &tea] {
        assert_eq!(shop.deliver(event).await.status, 200, "{event}");
    }
    shop.settle().await;
    assert_eq!(
        (shop.status(81).await.as_str(), shop.heard()),
        ("succeeded", vec!["succeeded".to_owned()])
    );
    assert_eq!(
        shop.count("select count(*) from webhook_events").await,
        3,
        "each is stored"
    );
    // What cannot be read as what its type says is kept for somebody to look at, never dropped.
    let waits = "select count(*) from webhook_events where provider_event_id = 'evt_tea' and state = 'received' and error is not null";
    assert_eq!(shop.count(waits).await, 1);
}

// PAY-6: an event is verified as it came: one byte of its text, or of its time, changes everything.
#[tokio::test]
async fn a_signature_is_over_the_raw_bytes_and_its_time() {
    let shop = Payments::start().await;
    // As no serializer would write it.
    let body = "{ \"type\":\"tea.brewed\",\n\t\"id\": \"evt_1\", \"livemode\":false, \"data\":{\"object\":{\"n\":1.0}} }";
    let now = shop.clock.now();
    let good = sign(&Secret::new(SECRET), body.as_bytes(), now);
    let compact = serde_json::from_str::<Value>(body).unwrap().to_string();
    assert_eq!(shop.webhook(&good, compact).await.code(), "invalid-signature");
    let moment = now.unix_timestamp();
    let shifted = good.replace(&format!("t={moment}"), &format!("t={}", moment + 1));
    assert_ne!(good, shifted);
    assert_eq!(shop.webhook(&shifted, body).await.code(), "invalid-signature");
    // While secrets rotate the provider signs with both; one that fits is enough.
    let digest = good.rsplit_once("v1=").unwrap().1;
    let both = format!("t={moment},v1={},v1={digest},v0=00", "0".repeat(64));
    assert_eq!(shop.webhook(&both, body).await.status, 200);
    assert_eq!(
        shop.count("select count(*) from webhook_events where payload::text like '%\"n\":1.0%'")
            .await,
        1
    );
}
