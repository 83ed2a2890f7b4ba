//! Money on its way back.

use std::time::Duration;

use futures::future::join_all;
use http::Method;
use payment_service::{jobs, operator};
use serde_json::{Value, json};
use types::Clock as _;

use crate::doubles::Fault;
use crate::harness::{ADMIN, Answer, Payments};

const REFUND: &str = "/payments/refund";

// PAY-12
#[tokio::test]
async fn parts_and_then_the_rest_go_back_to_the_digit() {
    let shop = Payments::start().await;
    shop.paid(81, 1_999).await;
    let part = shop
        .refund(json!({"orderId": 81, "amount": 5, "reason": "scratched"}))
        .await;
    assert_eq!(part.status, 200, "{part:?}");
    assert_eq!(
        (part.text("amount"), part.text("status"), part.text("reason")),
        ("5.00".into(), "succeeded".into(), "scratched".into())
    );
    assert_eq!(shop.status(81).await, "partially_refunded");
    assert_eq!(
        shop.refund(json!({"orderId": 81, "amount": "0.01"}))
            .await
            .text("amount"),
        "0.01"
    );
    let rest = shop.refund(json!({"orderId": 81})).await;
    assert_eq!(rest.text("amount"), "14.98");
    let payment = shop.payment(81).await;
    assert_eq!(
        (&payment["status"], &payment["amountRefunded"]),
        (&json!("refunded"), &json!("19.99"))
    );
    assert_eq!(
        shop.refund(json!({"orderId": 81})).await.code(),
        "refund-too-large"
    );
    shop.deliver_all().await;
    shop.settle().await;
    assert_eq!(
        shop.payment(81).await["amountRefunded"],
        "19.99",
        "its own webhooks count nothing twice"
    );
    assert_eq!(shop.heard(), ["succeeded", "refunded", "refunded", "refunded"]);
    assert_eq!(shop.count("select count(*) from refunds").await, 3);
}

// PAY-12
#[tokio::test(flavor = "multi_thread")]
async fn fifty_full_refunds_at_once_are_one() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    let answers = join_all((0..50).map(|_| shop.refund(json!({"orderId": 81})))).await;
    let done = answers.iter().filter(|a| a.status == 200).count();
    assert_eq!(done, 1);
    assert!(
        answers
            .iter()
            .filter(|a| a.status != 200)
            .all(|a| a.code() == "refund-too-large")
    );
    assert_eq!(shop.count("select count(*) from refunds").await, 1);
    assert_eq!(shop.status(81).await, "refunded");
}

// PAY-12
#[tokio::test(flavor = "multi_thread")]
async fn many_parts_at_once_never_exceed_what_was_captured() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    let answers = join_all((0..15).map(|_| shop.refund(json!({"orderId": 81, "amount": "3.00"})))).await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 3);
    let payment = shop.payment(81).await;
    assert_eq!(
        (&payment["amountRefunded"], &payment["status"]),
        (&json!("9.00"), &json!("partially_refunded"))
    );
}

#[tokio::test]
async fn what_is_no_refund_is_refused() {
    let shop = Payments::start().await;
    shop.ordered(80, 1_000).await;
    shop.paid(81, 1_000).await;
    for (body, status, code) in [
        (json!({"orderId": 80}), 409, "not-refundable"),
        (json!({"orderId": 80, "amount": 1}), 409, "not-refundable"),
        (json!({"orderId": 999}), 404, "payment-not-found"),
        (json!({"orderId": 81, "amount": 10.01}), 409, "refund-too-large"),
        (
            json!({"orderId": 81, "amount": "99999999999"}),
            409,
            "refund-too-large",
        ),
        (json!({"orderId": 81, "amount": 0}), 422, "invalid-request"),
        (json!({"orderId": 81, "amount": -1}), 422, "invalid-request"),
        (json!({"orderId": 81, "amount": "1.001"}), 422, "invalid-request"),
        (json!({"orderId": 81, "amount": "1e1"}), 422, "invalid-request"),
        (json!({"orderId": 81, "amount": true}), 422, "invalid-request"),
        (
            json!({"orderId": 81, "reason": "x".repeat(501)}),
            422,
            "invalid-request",
        ),
        (json!({"orderId": "81"}), 422, "invalid-request"),
        (json!({}), 422, "invalid-request"),
    ] {
        let answer = shop.refund(body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{body}");
    }
    let too_large = shop.refund(json!({"orderId": 81, "amount": 11})).await;
    assert_eq!(
        (too_large.text("left"), too_large.text("currency")),
        ("10.00".into(), "USD".into())
    );
    assert_eq!(shop.count("select count(*) from refunds").await, 0);
}

// PAY-18
#[tokio::test]
async fn a_card_number_as_a_reason_is_refused_and_kept_nowhere() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    let answer = shop
        .refund(json!({"orderId": 81, "reason": "card 4242 4242 4242 4242"}))
        .await;
    assert_eq!((answer.status.as_u16(), answer.code()), (422, "invalid-request"));
    assert!(!answer.body.to_string().contains("4242"));
    assert_eq!(shop.count("select count(*) from refunds").await, 0);
}

/// An admin's refund under a key that is always the same.
async fn refund_keyed(shop: &Payments, body: Value) -> Answer {
    let key = [("idempotency-key", "r1")];
    shop.call(ADMIN, Method::POST, REFUND, &key, Some(body)).await
}

#[tokio::test]
async fn the_same_key_is_the_same_refund() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    let send = |amount: &str| refund_keyed(&shop, json!({"orderId": 81, "amount": amount}));
    let first = send("3.00").await;
    let again = send("3.00").await;
    assert_eq!((first.status.as_u16(), &first.body), (200, &again.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(send("4.00").await.code(), "idempotency-mismatch");
    assert_eq!(shop.payment(81).await["amountRefunded"], "3.00");
}

// PAY-4, PAY-5
#[tokio::test]
async fn a_refund_whose_answer_is_lost_is_finished_by_asking_again() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    let send = || refund_keyed(&shop, json!({"orderId": 81}));
    shop.road.fail([Fault::LoseAnswer]);
    let lost = send().await;
    assert_eq!((lost.status.as_u16(), lost.code()), (503, "service-unavailable"));
    assert!(lost.headers.contains_key("retry-after"));
    assert_eq!(
        shop.refund(json!({"orderId": 81})).await.code(),
        "refund-too-large",
        "it is set aside"
    );
    assert_eq!(send().await.code(), "idempotency-in-progress");
    shop.clock.advance(Duration::from_secs(10));
    let again = send().await;
    assert_eq!(
        (again.status.as_u16(), again.text("status")),
        (200, "succeeded".to_owned()),
        "{again:?}"
    );
    assert_eq!(shop.count("select count(*) from refunds").await, 1);
    shop.settle().await;
    assert_eq!(shop.heard(), ["succeeded", "refunded"]);
}

// PAY-4, PAY-5
#[tokio::test]
async fn a_refund_that_is_refused_although_it_was_made_is_made_however_often_it_is_asked_for() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    let send = || refund_keyed(&shop, json!({"orderId": 81}));
    shop.road.fail([Fault::LoseAnswer, Fault::Answer(400)]);
    assert_eq!(send().await.status, 503);
    shop.clock.advance(Duration::from_secs(10));
    let refused = send().await;
    assert_eq!(
        (refused.status.as_u16(), refused.text("status")),
        (200, "succeeded".to_owned()),
        "{refused:?}"
    );
    let again = send().await;
    assert_eq!((again.status.as_u16(), &again.body), (200, &refused.body));
    let done = "select count(*) from operations where kind = 'refund' and state = 'done' and error is null";
    assert_eq!(shop.count(done).await, 1);
    assert_eq!(shop.status(81).await, "refunded");
}

// PAY-4: the provider repeats its answer to a key, failures too
#[tokio::test]
async fn a_refund_that_was_told_is_made_whatever_the_provider_answers_to_its_key() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    let send = || refund_keyed(&shop, json!({"orderId": 81}));
    shop.road.fail([Fault::LoseAnswer]);
    assert_eq!(send().await.status, 503);
    shop.deliver_all().await;
    shop.settle().await;
    shop.road.fail([Fault::Answer(500)]);
    shop.clock.advance(Duration::from_secs(10));
    let again = send().await;
    assert_eq!(
        (again.status.as_u16(), again.text("status")),
        (200, "succeeded".to_owned())
    );
    let started = "select count(*) from operations where state = 'started'";
    assert_eq!(shop.count(started).await, 0);
}

// PAY-5, PAY-12
#[tokio::test]
async fn a_saga_waits_until_it_is_known_what_others_have_sent_back() {
    let shop = Payments::start().await;
    for (order, refund) in [
        (81, json!({"orderId": 81})),
        (82, json!({"orderId": 82, "amount": 4})),
    ] {
        shop.paid(order, 1_000).await;
        shop.road.fail([Fault::LoseRequest]);
        assert_eq!(shop.refund(refund).await.status, 503);
        let key = format!("saga-{order}/refund");
        let waits = shop.refund_rest(order, &key).await.unwrap_err();
        assert_eq!(waits.code(), tonic::Code::Aborted);
        // The other one comes to nothing.
        shop.road.fail([Fault::Answer(400)]);
        shop.after(Duration::from_secs(60)).await;
        assert_eq!(shop.refund_rest(order, &key).await.unwrap(), 1_000);
        assert_eq!(shop.status(order).await, "refunded");
    }
}

// PAY-12
#[tokio::test]
async fn a_refund_that_fails_after_it_succeeded_gives_the_balance_back() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    shop.refund(json!({"orderId": 81})).await;
    let refunds = shop.provider(Method::GET, "/v1/refunds", "").await;
    let id = refunds["data"][0]["id"].as_str().unwrap().to_owned();
    shop.provider(Method::POST, &format!("/_sandbox/refunds/{id}/fail"), "")
        .await;
    shop.deliver_all().await;
    shop.settle().await;
    let payment = shop.payment(81).await;
    assert_eq!(
        (&payment["status"], &payment["amountRefunded"]),
        (&json!("succeeded"), &json!("0.00"))
    );
    assert_eq!(
        shop.count("select count(*) from refunds where status = 'failed' and error is not null")
            .await,
        1
    );
    let again = shop.refund(json!({"orderId": 81})).await;
    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(shop.status(81).await, "refunded");
}

impl Payments {
    /// The bank sends the latest refund back, and we hear of it.
    pub async fn refund_fails(&self) {
        let refunds = self.provider(Method::GET, "/v1/refunds", "").await;
        let path = format!(
            "/_sandbox/refunds/{}/fail",
            refunds["data"][0]["id"].as_str().unwrap()
        );
        let failed = self.provider(Method::POST, &path, "").await;
        assert_eq!(failed["status"], "failed", "{failed}");
        self.deliver_all().await;
        self.settle().await;
    }

    /// What the audit is told: what arrived, went back, is on its way back, and came again.
    async fn audited(&self, order: i64) -> (i64, i64, i64, i64) {
        let now = self.clock.now();
        let money = operator::money_of_orders(&self.db.pool, order - 1, order, now)
            .await
            .unwrap();
        let m = &money[0];
        (
            m.captured_minor,
            m.refunded_minor,
            m.refund_pending_minor,
            m.returned_minor,
        )
    }
}

// PAY-12, PAY-14
#[tokio::test]
async fn what_went_back_and_came_again_is_told_to_the_audit_and_can_be_refunded_anew() {
    let shop = Payments::start().await;
    for (order, card) in [(81, "pm_card_visa"), (82, "pm_card_pendingRefund")] {
        let intent = shop.ordered(order, 1_000).await.payment_intent_id;
        shop.pay(&intent, card).await;
        shop.deliver_all().await;
        shop.settle().await;
        // A saga's, and an admin's.
        assert_eq!(
            shop.refund_rest(order, &format!("saga-{order}/refund"))
                .await
                .unwrap(),
            1_000
        );
        let sent = if order == 81 { (1_000, 0) } else { (0, 1_000) };
        assert_eq!(shop.audited(order).await, (1_000, sent.0, sent.1, 0));
        shop.refund_fails().await;
        assert_eq!(shop.status(order).await, "succeeded");
        assert_eq!(shop.audited(order).await, (1_000, 0, 0, 1_000));
        let again = shop.refund(json!({"orderId": order})).await;
        assert_eq!(
            (again.status.as_u16(), again.text("amount")),
            (200, "10.00".to_owned())
        );
        let (captured, back, pending, returned) = shop.audited(order).await;
        assert_eq!((captured, back + pending, returned), (1_000, 1_000, 1_000));
    }
    // One that the provider never took has not come back from anywhere.
    shop.paid(83, 1_000).await;
    shop.road.fail([Fault::Answer(400)]);
    let refused = shop.refund(json!({"orderId": 83})).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (502, "provider-error"),
        "{refused:?}"
    );
    assert_eq!(shop.audited(83).await, (1_000, 0, 0, 0));
    assert_eq!(shop.count("select count(*) from refunds where status = 'failed' and provider_id is null and error is not null").await, 1);
    assert_eq!(shop.refund(json!({"orderId": 83})).await.status, 200);
}

// PAY-13
#[tokio::test]
async fn a_refund_that_names_no_intent_is_known_by_what_we_wrote_onto_it() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    shop.road.fail([Fault::LoseAnswer]);
    assert_eq!(shop.refund(json!({"orderId": 81})).await.status, 503);
    let mut made = shop.event("refund.created").await;
    made["data"]["object"]["payment_intent"] = json!(null);
    shop.deliver(&made).await;
    // Of nobody's refund nothing is known, ever.
    let mut foreign = made.clone();
    foreign["id"] = json!("evt_foreign");
    foreign["data"]["object"]["metadata"] = json!({});
    shop.deliver(&foreign).await;
    jobs::webhooks::run_due(&shop.app).await.unwrap();
    assert_eq!(shop.status(81).await, "refunded");
    assert_eq!(
        shop.count("select count(*) from webhook_events where state = 'received' and error is not null")
            .await,
        1
    );
}

// PAY-13
#[tokio::test]
async fn a_refund_from_the_dashboard_is_adopted_once() {
    let shop = Payments::start().await;
    let intent = shop.paid(81, 1_000).await;
    shop.provider(
        Method::POST,
        "/v1/refunds",
        &format!("payment_intent={intent}&amount=400"),
    )
    .await;
    shop.deliver_all().await; // charge.refunded and refund.created both tell of it
    shop.settle().await;
    let payment = shop.payment(81).await;
    assert_eq!(
        (&payment["status"], &payment["amountRefunded"]),
        (&json!("partially_refunded"), &json!("4.00"))
    );
    assert_eq!(shop.count("select count(*) from refunds").await, 1);
    assert_eq!(shop.heard(), ["succeeded", "refunded"]);
}

// PAY-12, PAY-13
#[tokio::test]
async fn a_refund_that_the_dashboard_was_faster_with_is_too_large() {
    let shop = Payments::start().await;
    let intent = shop.paid(81, 1_000).await;
    shop.provider(Method::POST, "/v1/refunds", &format!("payment_intent={intent}"))
        .await;
    let answer = shop.refund(json!({"orderId": 81, "amount": 1})).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (409, "refund-too-large"),
        "{answer:?}"
    );
    assert_eq!(shop.status(81).await, "refunded");
    assert_eq!(
        shop.count("select count(*) from operations where state = 'started'")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saga_refunds_the_rest_once_however_often_it_asks() {
    let shop = Payments::start().await;
    assert_eq!(
        shop.refund_rest(80, "saga-1/refund").await.unwrap(),
        0,
        "no payment"
    );
    shop.ordered(80, 1_000).await;
    assert_eq!(
        shop.refund_rest(80, "saga-1/refund").await.unwrap(),
        0,
        "nothing captured"
    );
    shop.paid(81, 1_000).await;
    shop.refund(json!({"orderId": 81, "amount": 4})).await;
    let asked = join_all((0..10).map(|_| shop.refund_rest(81, "saga-2/refund"))).await;
    for amount in asked {
        assert_eq!(amount.unwrap(), 600);
    }
    assert_eq!(
        shop.refund_rest(81, "saga-3/refund").await.unwrap(),
        0,
        "nothing left"
    );
    assert_eq!(shop.status(81).await, "refunded");
    assert_eq!(shop.count("select count(*) from refunds").await, 2);
}
