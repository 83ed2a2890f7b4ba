//! Whatever is refused leaves the books as they were.

use std::time::Duration;

use http::Method;
use payment_service::stripe::sign;
use runtime::Secret;
use serde_json::{Value, json};
use types::Clock as _;

use crate::disputes::dispute;
use crate::harness::{ADMIN, ALICE, BOB, Payments, SECRET};

/// Everything that says what is owed to whom.
async fn books(shop: &Payments) -> Vec<String> {
    let mut books = Vec::new();
    for table in [
        "payments",
        "refunds",
        "disputes",
        "ledger_entries",
        "ledger_lines",
    ] {
        let rows =
            format!("select coalesce(string_agg(t::text, e'\\n' order by t::text), '') from {table} t");
        let rows: String = sqlx::query_scalar(sqlx::AssertSqlSafe(rows))
            .fetch_one(&shop.db.pool)
            .await
            .unwrap();
        books.push(rows);
    }
    books
}

async fn balanced(shop: &Payments) {
    let now = shop.clock.now();
    let audit = payment_service::operator::audit(&shop.db.pool, now, now)
        .await
        .unwrap();
    for tally in [audit.balance, audit.ledger, audit.refunds] {
        assert_eq!(tally.broken, 0, "{tally:?}");
    }
}

// PAY-2, PAY-3, PAY-6, PAY-8, PAY-12, PAY-17
#[tokio::test]
async fn bad_input_has_its_status_and_code_and_leaves_the_books_as_they_were() {
    let shop = Payments::start().await;
    let paid = shop.paid(81, 1_000).await;
    shop.ordered(82, 500).await;
    shop.ordered(83, 700).await;
    shop.cancel(83).await.unwrap();
    shop.order_in(84, 900, "USD", "pending");
    shop.settle().await;
    let before = books(&shop).await;

    for (user, path, body, status, code) in [
        (
            ADMIN,
            "/payments/refund",
            json!({"orderId": 81, "amount": 0}),
            422,
            "invalid-request",
        ),
        (
            ADMIN,
            "/payments/refund",
            json!({"orderId": 81, "amount": "-1.00"}),
            422,
            "invalid-request",
        ),
        (
            ADMIN,
            "/payments/refund",
            json!({"orderId": 81, "amount": "10.01"}),
            409,
            "refund-too-large",
        ),
        (
            ADMIN,
            "/payments/refund",
            json!({"orderId": 82}),
            409,
            "not-refundable",
        ),
        (
            ADMIN,
            "/payments/refund",
            json!({"orderId": 83}),
            409,
            "not-refundable",
        ),
        (
            ADMIN,
            "/payments/refund",
            json!({"orderId": 999}),
            404,
            "payment-not-found",
        ),
        (
            ALICE,
            "/payments/refund",
            json!({"orderId": 81}),
            403,
            "forbidden",
        ),
        (
            BOB,
            "/payments/create-intent",
            json!({"orderId": 82}),
            404,
            "order-not-found",
        ),
        (
            ALICE,
            "/payments/create-intent",
            json!({"orderId": 84}),
            409,
            "not-payable",
        ),
        (
            ALICE,
            "/payments/create-intent",
            json!({"orderId": 0}),
            422,
            "invalid-request",
        ),
    ] {
        let answer = shop.post(user, path, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (status, code),
            "{path} {body}"
        );
    }

    let now = shop.clock.now();
    let event = shop.event("payment_intent.succeeded").await.to_string();
    let old = sign(
        &Secret::new(SECRET),
        event.as_bytes(),
        now - Duration::from_secs(301),
    );
    let forged = sign(&Secret::new("whsec_guess"), event.as_bytes(), now);
    let good = sign(&Secret::new(SECRET), event.as_bytes(), now);
    let large = "x".repeat(256 * 1024 + 1);
    for (signature, body, status, code) in [
        (&old, event.clone(), 400, "invalid-signature"),
        (&forged, event.clone(), 400, "invalid-signature"),
        (&good, event.replace("1000", "9000"), 400, "invalid-signature"),
        (
            &good,
            event.get(..40).unwrap().to_owned(),
            400,
            "invalid-signature",
        ),
        (&good, large, 413, "payload-too-large"),
    ] {
        let answer = shop.webhook(signature, body).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code));
    }
    // Replayed, and told of by a second endpoint with what is not so: what arrived has arrived.
    let mut other: Value = serde_json::from_str(&event).unwrap();
    for (id, field, value) in [
        ("evt_more", "amount_received", json!(9_000)),
        ("evt_euro", "currency", json!("eur")),
        ("evt_again", "status", json!("canceled")),
    ] {
        other["id"] = json!(id);
        other["data"]["object"][field] = value;
        assert_eq!(shop.deliver(&other).await.status, 200);
    }
    assert_eq!(shop.webhook(&good, event).await.status, 200);
    shop.settle().await;
    assert_eq!(books(&shop).await, before);
    balanced(&shop).await;

    // Signed, and impossible: more went back than came. It is never taken in, and stays for somebody to look at.
    let refund = json!({"id": "evt_refund", "type": "refund.updated", "livemode": false, "data": {"object": {
        "id": "re_more", "object": "refund", "amount": 1_001, "currency": "usd", "charge": "ch_1",
        "payment_intent": paid, "status": "succeeded", "metadata": {}, "created": 1}}});
    let nothing = dispute(
        "pi_nobodys",
        ("dp_1", "evt_dispute"),
        "created",
        "needs_response",
        &[-1_000],
    );
    for event in [&refund, &nothing] {
        assert_eq!(shop.deliver(event).await.status, 200);
    }
    shop.settle().await;
    assert_eq!(books(&shop).await, before);
    let waits = "select count(*) from webhook_events where state = 'received' and error is not null";
    assert_eq!(shop.count(waits).await, 2);
    balanced(&shop).await;
}

// PAY-6, PAY-16: a key of one mode and a provider of the other.
#[tokio::test]
async fn what_the_other_mode_answers_or_tells_is_not_believed() {
    let shop = Payments::start_in(true).await;
    shop.order(81, 1_000);
    assert!(
        shop.create(81, 1_000).await.is_err(),
        "the intent is one of test mode"
    );
    let intent = shop.intents().await[0]["id"].as_str().unwrap().to_owned();
    let stripe = shop.app.reconciler().stripe;
    assert!(stripe.retrieve_intent(&intent).await.is_err());
    assert!(stripe.list_intents(None, None).await.is_err());
    shop.pay(&intent, "pm_card_visa").await;
    shop.provider(Method::POST, "/v1/refunds", &format!("payment_intent={intent}"))
        .await;
    shop.deliver_all().await;
    shop.settle().await;
    assert_eq!(shop.status(81).await, "pending");
    assert_eq!(shop.heard(), Vec::<String>::new());
    let taken = "select (select count(*) from refunds) + (select count(*) from ledger_entries)
                      + (select count(*) from webhook_events where state <> 'ignored')";
    assert_eq!(shop.count(taken).await, 0);
}

// PAY-18, IDK-1: keys are kept, so that a card number is none.
#[tokio::test]
async fn a_card_number_as_an_idempotency_key_is_refused_and_kept_nowhere() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    let answer = shop
        .call(
            ADMIN,
            Method::POST,
            "/payments/refund",
            &[("idempotency-key", "refund 4242-4242-4242-4242")],
            Some(json!({"orderId": 81})),
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (400, "malformed-request")
    );
    assert!(!answer.body.to_string().contains("4242"));
    assert_eq!(shop.count("select count(*) from refunds").await, 0);
    assert_eq!(shop.count("select count(*) from idempotency_keys").await, 0);
}
