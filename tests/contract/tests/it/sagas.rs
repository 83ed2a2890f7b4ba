//! Admins look after sagas.

use std::time::Duration;

use serde_json::{Value, json};
use souk_test_shop::{Answer, Person, Shop, eventually};

/// A customer's order that waits for its money.
struct Waiting {
    customer: Person,
    order: i64,
    intent: String,
    product: i64,
}

async fn order(shop: &Shop, name: &str) -> Waiting {
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let product = seller.sells(name, "18.00", 3).await;
    let placed = customer.orders(&[(product, 1)]).await.expect(201);
    Waiting {
        customer,
        order: placed.at("/id").as_i64().expect("an id"),
        intent: placed
            .at("/payment/paymentIntentId")
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        product,
    }
}

async fn saga_of(admin: &Person, order: i64) -> Value {
    let list = admin.api.get("/api/admin/sagas?name=checkout&limit=100").await;
    let sagas = list.expect(200).at("/sagas");
    let sagas = sagas.as_array().expect("sagas");
    sagas
        .iter()
        .find(|saga| saga["orderId"] == order)
        .cloned()
        .expect("the order's saga")
}

async fn intervene(admin: &Person, saga: i64, what: &str) -> Answer {
    let body = json!({"reason": "the warehouse looked"});
    admin
        .api
        .post(&format!("/api/admin/sagas/{saga}/{what}"), &body)
        .await
}

async fn until_state(admin: &Person, saga: i64, state: &str) -> Value {
    let what = format!("saga {saga} becomes {state}");
    eventually(Duration::from_secs(20), &what, || async {
        let answer = admin.api.get(&format!("/api/admin/sagas/{saga}")).await;
        (answer.at("/saga/state") == state).then(|| answer.json())
    })
    .await
}

// SAG-10, PAG-2
pub async fn an_admin_sees_sagas_and_what_each_did(shop: &Shop) {
    let admin = shop.admin().await;
    let (first, second) = (order(shop, "Seen mug").await, order(shop, "Seen rug").await);
    let saga = saga_of(&admin, first.order).await;
    assert_eq!(
        (&saga["state"], &saga["step"], &saga["version"]),
        (&json!("parked"), &json!("await-payment"), &json!(1))
    );
    let shown = admin.api.get(&format!("/api/admin/sagas/{}", saga["id"])).await;
    let shown = shown.expect(200);
    assert_eq!(shown.at("/saga"), saga);
    assert_eq!(shown.at("/allowed"), json!([]));
    let timeline = shown.at("/timeline");
    let steps: Vec<&Value> = timeline
        .as_array()
        .expect("entries")
        .iter()
        .map(|e| &e["step"])
        .collect();
    assert_eq!(
        steps,
        ["place", "hold-stock", "create-intent", "confirm", "await-payment"]
    );
    assert_eq!(timeline[4]["outcome"], "parked");
    assert!(timeline[1]["durationMs"].is_u64() && timeline[1]["startedAt"].is_string());
    assert_eq!(
        shown.at("/saga/traceId").as_str().map(str::len),
        Some(32),
        "the logs are found by it"
    );
    assert!(
        !shown.json().to_string().contains("secret"),
        "what customers pay with stays inside"
    );

    let page = admin
        .api
        .get("/api/admin/sagas?state=parked&limit=1")
        .await
        .expect(200);
    assert_eq!(page.at("/sagas/0/orderId"), second.order);
    let cursor = page.at("/pagination/nextCursor");
    let cursor = cursor.as_str().expect("a next page");
    let next = format!("/api/admin/sagas?state=parked&limit=1&cursor={cursor}");
    assert_eq!(
        admin.api.get(&next).await.expect(200).at("/sagas/0/orderId"),
        first.order
    );
    let elsewhere = format!("/api/admin/sagas?state=done&limit=1&cursor={cursor}");
    drop(admin.api.get(&elsewhere).await.refused(400, "invalid-cursor"));
    let old = admin
        .api
        .get("/api/admin/sagas?olderThan=86400")
        .await
        .expect(200);
    assert_eq!(old.at("/sagas"), json!([]));
    let bad = admin
        .api
        .get("/api/admin/sagas?state=lost&olderThan=long&limit=0")
        .await
        .refused(422, "invalid-request");
    assert_eq!(
        bad.at("/errors").as_array().map(Vec::len),
        Some(3),
        "{}",
        bad.json()
    );
}

// SAG-8, API5
pub async fn only_admins_intervene_and_only_in_what_is_stuck(shop: &Shop) {
    let admin = shop.admin().await;
    let waiting = order(shop, "Guarded mug").await;
    let id = saga_of(&admin, waiting.order).await["id"]
        .as_i64()
        .expect("an id");
    for what in ["retry", "skip", "abandon"] {
        drop(
            intervene(&waiting.customer, id, what)
                .await
                .refused(403, "forbidden"),
        );
        let refused = intervene(&admin, id, what)
            .await
            .refused(409, "illegal-intervention");
        assert_eq!(
            (refused.at("/state"), refused.at("/allowed")),
            (json!("parked"), json!([]))
        );
        drop(
            intervene(&admin, 999_999_999, what)
                .await
                .refused(404, "saga-not-found"),
        );
        let path = format!("/api/admin/sagas/{id}/{what}");
        for body in [
            json!({}),
            json!({"reason": " "}),
            json!({"reason": "x".repeat(501)}),
        ] {
            let refused = admin.api.post(&path, &body).await.refused(422, "invalid-request");
            assert_eq!(refused.at("/errors/0/pointer"), "/reason");
        }
    }
    for path in ["/api/admin/sagas".to_owned(), format!("/api/admin/sagas/{id}")] {
        drop(waiting.customer.api.get(&path).await.refused(403, "forbidden"));
        drop(shop.api.get(&path).await.refused(401, "unauthenticated"));
    }
    drop(
        admin
            .api
            .get("/api/admin/sagas/999999999")
            .await
            .refused(404, "saga-not-found"),
    );
    assert_eq!(
        saga_of(&admin, waiting.order).await["state"],
        "parked",
        "nothing was done to it"
    );
}

// SAG-8, AUD-1, IDK-2
pub async fn a_stuck_checkout_is_tried_again_and_the_timeline_says_who_did_it(shop: &Shop) {
    let admin = shop.admin().await;
    let waiting = order(shop, "Stuck mug").await;
    let id = shop.leave_stuck(waiting.order, "await-payment").await;
    let stuck = admin.api.get("/api/admin/sagas?state=stuck").await.expect(200);
    assert_eq!(stuck.at("/sagas/0/id"), id);
    assert_eq!(stuck.at("/sagas/0/reason/step"), "await-payment");
    let refused = intervene(&admin, id, "skip")
        .await
        .refused(409, "illegal-intervention");
    assert_eq!(
        refused.at("/allowed"),
        json!(["retry", "abandon"]),
        "nobody is paid by skipping"
    );

    let keyed = admin.api.with("idempotency-key", format!("retry-{id}"));
    let (path, body) = (
        format!("/api/admin/sagas/{id}/retry"),
        json!({"reason": "payments are back"}),
    );
    let done = keyed.post(&path, &body).await.expect(200);
    assert_eq!(done.at("/saga/state"), "running");
    let again = keyed.post(&path, &body).await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json(), done.json());
    let other = format!("/api/admin/sagas/{}/retry", id + 1);
    drop(
        keyed
            .post(&other, &body)
            .await
            .refused(422, "idempotency-mismatch"),
    );

    let timeline = done.at("/timeline");
    let entry = timeline
        .as_array()
        .and_then(|entries| entries.last())
        .expect("an entry");
    assert_eq!(
        (&entry["outcome"], &entry["step"]),
        (&json!("retried"), &json!("await-payment"))
    );
    assert_eq!(entry["by"]["actor"], format!("admin:{}", admin.id));
    assert_eq!(entry["by"]["reason"], "payments are back");
    assert_eq!(entry["by"]["requestId"], done.header("x-request-id"));
    assert_eq!(entry["by"]["network"], "127.0.0.0/24");
    assert_eq!(entry["detail"]["before"]["state"], "stuck");

    drop(until_state(&admin, id, "parked").await);
    drop(shop.pay(&waiting.intent, "pm_card_visa").await.expect(200));
    drop(shop.until_status(&waiting.customer, waiting.order, "paid").await);
}

// SAG-8
pub async fn abandoning_before_the_money_cancels_the_order(shop: &Shop) {
    let admin = shop.admin().await;
    let waiting = order(shop, "Abandoned mug").await;
    let id = shop.leave_stuck(waiting.order, "await-payment").await;
    drop(intervene(&admin, id, "abandon").await.expect(200));
    let ended = until_state(&admin, id, "undone").await;
    assert_eq!(ended["saga"]["reason"]["kind"], "abandoned");
    let order = shop
        .until_status(&waiting.customer, waiting.order, "cancelled")
        .await;
    assert_eq!(order["cancelReason"], "abandoned");
    // What became of the payment is news from another service.
    let path = format!("/api/orders/{}", waiting.order);
    eventually(
        Duration::from_secs(20),
        "the order hears of its payment",
        || async {
            let order = waiting.customer.api.get(&path).await;
            (order.at("/paymentStatus") == "cancelled").then_some(())
        },
    )
    .await;
    assert_eq!(shop.available(waiting.product).await, 3);
    drop(
        intervene(&admin, id, "abandon")
            .await
            .refused(409, "illegal-intervention"),
    );
}

// SAG-6, SAG-8
pub async fn abandoning_after_the_money_refunds_and_restocks(shop: &Shop) {
    let admin = shop.admin().await;
    let waiting = order(shop, "Refunded mug").await;
    shop.leave_stuck(waiting.order, "await-payment").await;
    drop(shop.pay(&waiting.intent, "pm_card_visa").await.expect(200));
    let path = format!("/api/payments/order/{}", waiting.order);
    eventually(Duration::from_secs(20), "the money is there", || async {
        let payment = waiting.customer.api.get(&path).await;
        (payment.at("/status") == "succeeded").then_some(())
    })
    .await;
    let id = shop.leave_stuck(waiting.order, "commit-stock").await;
    drop(intervene(&admin, id, "abandon").await.expect(200));
    drop(until_state(&admin, id, "diverted").await);
    drop(
        shop.until_status(&waiting.customer, waiting.order, "cancelled")
            .await,
    );
    eventually(Duration::from_secs(20), "money and stock are back", || async {
        let payment = waiting.customer.api.get(&path).await;
        (payment.at("/status") == "refunded" && shop.available(waiting.product).await == 3).then_some(())
    })
    .await;
}
