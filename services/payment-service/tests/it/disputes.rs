//! What banks want back.

use serde_json::{Value, json};
use types::Clock as _;

use crate::harness::{ADMIN, ALICE, Payments};

/// When the provider takes no more evidence, in every event here.
const DUE_BY: &str = "2030-01-08T12:00:00Z";

/// An event about the dispute `id` of the intent, as the provider makes it.
pub fn dispute(intent: &str, (id, event): (&str, &str), kind: &str, status: &str, moved: &[i64]) -> Value {
    let transactions: Vec<Value> = moved
        .iter()
        .map(|amount| json!({"amount": amount, "fee": -1_500 * amount.signum(), "currency": "usd"}))
        .collect();
    json!({"id": event, "type": format!("charge.dispute.{kind}"), "livemode": false, "data": {"object": {
        "id": id, "object": "dispute", "payment_intent": intent, "status": status, "amount": 1_000, "currency": "usd",
        "reason": "fraudulent", "evidence_details": {"due_by": 1_894_104_000, "submission_count": 0},
        "balance_transactions": transactions,
    }}})
}

// PAY-15
#[tokio::test]
async fn a_dispute_is_shown_with_its_deadline_and_told_until_it_has_ended() {
    let shop = Payments::start().await;
    let intent = shop.paid(81, 1_000).await;
    let seen = shop.payment(81).await;
    assert_eq!(
        (&seen["disputeStatus"], &seen["evidenceDueBy"]),
        (&json!("none"), &Value::Null)
    );
    for (event, kind, status, moved, due_by) in [
        ("evt_1", "created", "needs_response", &[][..], json!(DUE_BY)),
        (
            "evt_2",
            "funds_withdrawn",
            "needs_response",
            &[-1_000],
            json!(DUE_BY),
        ),
        ("evt_3", "updated", "under_review", &[-1_000], Value::Null),
        ("evt_4", "closed", "won", &[-1_000], Value::Null),
        ("evt_5", "funds_reinstated", "won", &[-1_000, 1_000], Value::Null),
    ] {
        shop.deliver(&dispute(&intent, ("dp_1", event), kind, status, moved))
            .await;
        shop.settle().await;
        for user in [ALICE, ADMIN] {
            let seen = shop.get(user, "/payments/order/81").await.body;
            assert_eq!(
                (&seen["disputeStatus"], &seen["evidenceDueBy"], &seen["status"]),
                (&json!(status), &due_by, &json!("succeeded"))
            );
        }
    }
    assert_eq!(
        shop.heard(),
        ["succeeded", "disputed", "disputed", "disputed"],
        "each standing once"
    );
    let told: Vec<Value> = shop
        .shop
        .heard
        .lock()
        .unwrap()
        .iter()
        .skip(1)
        .map(|(_, e)| e["status"].clone())
        .collect();
    assert_eq!(told, ["needs_response", "under_review", "won"]);
    let facts = "select count(*) from disputes
                  where withdrawn_minor = 1000 and withdrawn_fee_minor = 1500 and withdrawn_currency = 'USD'
                    and reinstated_minor = 1000 and reinstated_fee_minor = 1500 and reason = 'fraudulent'";
    assert_eq!(shop.count(facts).await, 1);
    // PAY-17
    let posted = "select count(*) from ledger_entries where object_id = 'dp_1' and currency = 'USD'
                                                         and fact in ('withdrawn', 'reinstated')";
    assert_eq!(shop.count(posted).await, 2);
    let left = "select sum(abs(sum))::bigint from (select sum(amount_minor) from ledger_lines
                  where account in ('disputed', 'fees') group by account) sums";
    assert_eq!(shop.count(left).await, 0, "won, it has cost nothing");
}

// PAY-10, PAY-15
#[tokio::test]
async fn what_ended_stays_ended_and_every_status_is_one_that_is_shown() {
    let shop = Payments::start().await;
    for (order, status) in (81..).zip([
        "warning_needs_response",
        "warning_under_review",
        "warning_closed",
        "needs_response",
        "under_review",
        "won",
        "lost",
        "prevented",
    ]) {
        let intent = shop.paid(order, 1_000).await;
        let id = format!("dp_{order}");
        let told = dispute(&intent, (&id, &format!("evt_{order}")), "updated", status, &[]);
        assert_eq!(shop.deliver(&told).await.status, 200);
        shop.settle().await;
        assert_eq!(shop.payment(order).await["disputeStatus"], status);
        if matches!(status, "won" | "lost" | "prevented") {
            let late = format!("evt_late_{order}");
            shop.deliver(&dispute(&intent, (&id, &late), "created", "needs_response", &[]))
                .await;
            shop.settle().await;
            assert_eq!(shop.payment(order).await["disputeStatus"], status);
        }
    }
    assert_eq!(
        shop.count("select count(*) from webhook_events where state <> 'processed'")
            .await,
        0
    );
}

// PAY-15
#[tokio::test]
async fn a_disputed_payment_is_not_refunded_while_the_bank_has_its_money() {
    let shop = Payments::start().await;
    let intent = shop.paid(81, 1_000).await;
    for (event, kind, status, moved) in [
        ("evt_1", "created", "needs_response", &[][..]),
        ("evt_2", "funds_withdrawn", "needs_response", &[-1_000]),
        ("evt_3", "closed", "won", &[-1_000]),
    ] {
        shop.deliver(&dispute(&intent, ("dp_1", event), kind, status, moved))
            .await;
        shop.settle().await;
        for body in [json!({"orderId": 81}), json!({"orderId": 81, "amount": "0.01"})] {
            let answer = shop.refund(body).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (409, "payment-disputed"),
                "{status}"
            );
        }
        let waits = shop.refund_rest(81, "saga-1/refund").await.unwrap_err();
        assert_eq!(
            waits.code(),
            tonic::Code::Aborted,
            "it is not known yet whose the money is"
        );
    }
    assert_eq!(shop.count("select count(*) from refunds").await, 0);
    shop.deliver(&dispute(
        &intent,
        ("dp_1", "evt_4"),
        "funds_reinstated",
        "won",
        &[-1_000, 1_000],
    ))
    .await;
    shop.settle().await;
    assert_eq!(shop.refund(json!({"orderId": 81})).await.status, 200);
    assert_eq!(shop.status(81).await, "refunded");
}

// PAY-15
#[tokio::test]
async fn an_inquiry_may_be_refunded_and_a_lost_dispute_leaves_nothing_to_send_back() {
    let shop = Payments::start().await;
    let asked = shop.paid(81, 1_000).await;
    shop.deliver(&dispute(
        &asked,
        ("dp_1", "evt_1"),
        "created",
        "warning_needs_response",
        &[],
    ))
    .await;
    let lost = shop.paid(82, 1_000).await;
    shop.deliver(&dispute(&lost, ("dp_2", "evt_2"), "closed", "lost", &[-1_000]))
        .await;
    shop.settle().await;
    assert_eq!(shop.payment(81).await["evidenceDueBy"], DUE_BY);
    assert_eq!(shop.refund(json!({"orderId": 81})).await.status, 200);
    assert_eq!(
        shop.refund(json!({"orderId": 82})).await.code(),
        "payment-disputed"
    );
    assert_eq!(shop.refund_rest(82, "saga-1/refund").await.unwrap(), 0);
}

// PAY-8, PAY-15
#[tokio::test(flavor = "multi_thread")]
async fn of_two_disputes_the_one_that_waits_for_us_is_shown_and_each_fact_is_kept_once() {
    let shop = Payments::start().await;
    let intent = shop.paid(81, 1_000).await;
    for n in 0..10 {
        let (first, second) = (format!("evt_a{n}"), format!("evt_b{n}"));
        shop.deliver(&dispute(&intent, ("dp_1", &first), "closed", "lost", &[-1_000]))
            .await;
        shop.deliver(&dispute(
            &intent,
            ("dp_2", &second),
            "created",
            "needs_response",
            &[-1_000],
        ))
        .await;
    }
    tokio::join!(shop.settle(), shop.settle(), shop.settle());
    let seen = shop.payment(81).await;
    assert_eq!(
        (&seen["disputeStatus"], &seen["evidenceDueBy"]),
        (&json!("needs_response"), &json!(DUE_BY))
    );
    assert_eq!(shop.count("select count(*) from disputes").await, 2);
    assert_eq!(shop.count("select disputed_minor from payments").await, 2_000);
}

// PAY-10, PAY-11
#[tokio::test]
async fn a_dispute_that_is_told_before_the_money_waits_for_nothing() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    shop.deliver(&dispute(
        &intent,
        ("dp_1", "evt_1"),
        "created",
        "needs_response",
        &[],
    ))
    .await;
    shop.settle().await;
    shop.deliver_all().await;
    shop.settle().await;
    let seen = shop.payment(81).await;
    assert_eq!(
        (&seen["status"], &seen["disputeStatus"]),
        (&json!("succeeded"), &json!("needs_response"))
    );
    assert!(
        shop.clock.now().unix_timestamp() < 1_894_104_000,
        "the deadline is ahead"
    );

    // Somebody else's dispute is nobody's here, and is not acknowledged as done.
    shop.deliver(&dispute(
        "pi_elsewhere",
        ("dp_9", "evt_9"),
        "created",
        "needs_response",
        &[],
    ))
    .await;
    shop.settle().await;
    assert_eq!(
        shop.count("select count(*) from webhook_events where state = 'received'")
            .await,
        1
    );
}
