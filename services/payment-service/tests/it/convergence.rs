//! Whatever the order in which facts come, the end is the same.

use http::Method;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::disputes::dispute;
use crate::harness::Payments;

/// How many shuffles.
const SHUFFLES: i64 = 60;

// PAY-8, PAY-10, PAY-13, PAY-17
#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_events_with_duplicates_ends_alike() {
    let shop = Payments::start().await;
    // What happens to one order over there, from a decline to a refund in the dashboard.
    let intent = shop.ordered(1, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_chargeDeclined").await;
    shop.pay(&intent, "pm_card_authenticationRequired").await;
    shop.provider(
        Method::POST,
        &format!("/_sandbox/payment_intents/{intent}/authenticate"),
        "outcome=succeeded",
    )
    .await;
    shop.provider(
        Method::POST,
        "/v1/refunds",
        &format!("payment_intent={intent}&amount=400"),
    )
    .await;
    let mut story: Vec<Value> = shop.events().await;
    let mut processing = shop.event("payment_intent.requires_action").await;
    processing["id"] = json!("evt_processing");
    processing["type"] = json!("payment_intent.processing");
    processing["data"]["object"]["status"] = json!("processing");
    story.push(processing);
    for (event, kind, status, moved) in [
        ("evt_dc", "created", "needs_response", &[][..]),
        ("evt_dw", "funds_withdrawn", "needs_response", &[-1_000]),
        ("evt_dr", "funds_reinstated", "won", &[-1_000, 1_000]),
        ("evt_dx", "closed", "won", &[-1_000]),
    ] {
        story.push(dispute(&intent, ("dp_1", event), kind, status, moved));
    }
    for kind in ["requires_action", "payment_failed", "succeeded"] {
        assert!(
            story
                .iter()
                .any(|e| e["type"] == format!("payment_intent.{kind}")),
            "{kind} is missing"
        );
    }
    // Each event twice under its own id, and once more under another: a second endpoint.
    let twins = story.clone().into_iter().map(|mut e| {
        e["id"] = json!(format!("{}_twin", e["id"].as_str().unwrap()));
        e
    });
    let story: Vec<Value> = story
        .iter()
        .cloned()
        .chain(story.iter().cloned())
        .chain(twins)
        .collect();

    let mut runner = TestRunner::deterministic();
    let fresh = "update payments set status = 'pending', captured_minor = 0, refunded_minor = 0, refund_pending_minor = 0,
                        mismatched = false, dispute_status = 'none', disputed_minor = 0, evidence_due_by = null,
                        last_error = null";
    let ends = "select status || ' ' || captured_minor || ' ' || refunded_minor || ' ' || refund_pending_minor || ' '
                       || dispute_status || ' ' || disputed_minor || ' ' || coalesce(last_error, '-') from payments";
    // Each round begins anew, which the ledger does not let anybody do.
    for table in ["ledger_lines", "ledger_entries"] {
        let open = format!("alter table {table} disable trigger {table}_append_only");
        sqlx::query(sqlx::AssertSqlSafe(open))
            .execute(&shop.db.pool)
            .await
            .unwrap();
    }
    for round in 0..SHUFFLES {
        for table in [
            "ledger_lines",
            "ledger_entries",
            "webhook_events",
            "payment_facts",
            "refunds",
            "disputes",
            "outbox_deliveries",
            "outbox",
        ] {
            sqlx::query(sqlx::AssertSqlSafe(format!("delete from {table}")))
                .execute(&shop.db.pool)
                .await
                .unwrap();
        }
        sqlx::query("delete from outbox_sequences")
            .execute(&shop.db.pool)
            .await
            .unwrap();
        sqlx::query(fresh).execute(&shop.db.pool).await.unwrap();
        shop.shop.heard.lock().unwrap().clear();
        let order = Just(story.clone())
            .prop_shuffle()
            .new_tree(&mut runner)
            .unwrap()
            .current();
        for (at, event) in order.iter().enumerate() {
            assert_eq!(shop.deliver(event).await.status, 200);
            // Sometimes one by one, sometimes many side by side.
            if round % 2 == 0 || at % 7 == 0 {
                payment_service::jobs::webhooks::run_due(&shop.app).await.unwrap();
            }
        }
        shop.settle().await;
        let end: String = sqlx::query_scalar(ends).fetch_one(&shop.db.pool).await.unwrap();
        let kinds: Vec<&Value> = order.iter().map(|e| &e["type"]).collect();
        assert_eq!(end, "partially_refunded 1000 400 0 won 0 -", "{kinds:?}");
        let posted: Vec<String> = sqlx::query_scalar("select fact from ledger_entries order by fact")
            .fetch_all(&shop.db.pool)
            .await
            .unwrap();
        assert_eq!(
            posted,
            ["captured", "refunded", "reinstated", "withdrawn"],
            "{kinds:?}"
        );
        let heard = shop.heard();
        for once in ["succeeded", "refunded"] {
            assert_eq!(
                heard.iter().filter(|h| *h == once).count(),
                1,
                "{heard:?} {kinds:?}"
            );
        }
        assert_eq!(
            shop.count("select count(*) from webhook_events where state <> 'processed'")
                .await,
            0
        );
    }
}
