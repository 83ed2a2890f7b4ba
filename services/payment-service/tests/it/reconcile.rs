//! The provider's books against ours, after webhooks that never came.

use std::time::Duration;

use http::Method;
use payment_service::domain::drift::Scope;
use payment_service::ops::reconcile::{Report, reconcile};
use serde_json::{Value, json};

use crate::disputes::dispute;
use crate::doubles::Fault;
use crate::harness::Payments;

/// A day in which things happened, none of which was told.
async fn untold(shop: &Payments) {
    for order in 1..=40 {
        let intent = shop.ordered(order, 1_000 + order).await.payment_intent_id;
        let of = |rest: &str| format!("payment_intent={intent}{rest}");
        let post = |path: &str, form: String| {
            let path = path.to_owned();
            async move { shop.provider(Method::POST, &path, &form).await }
        };
        match order % 8 {
            0 => drop(shop.pay(&intent, "pm_card_visa").await),
            1 => {
                shop.pay(&intent, "pm_card_visa").await;
                post("/v1/refunds", of("&amount=400")).await;
            }
            2 => {
                shop.pay(&intent, "pm_card_visa").await;
                post("/v1/refunds", of("&amount=100")).await;
                post("/v1/refunds", of("")).await;
            }
            3 => {
                shop.pay(&intent, "pm_card_visa").await;
                let refund = post("/v1/refunds", of("")).await;
                let id = refund["id"].as_str().unwrap();
                post(&format!("/_sandbox/refunds/{id}/fail"), String::new()).await;
            }
            4 => drop(post(&format!("/v1/payment_intents/{intent}/cancel"), String::new()).await),
            5 => drop(shop.pay(&intent, "pm_card_chargeDeclined").await),
            6 => {
                let paid = shop.pay(&intent, "pm_card_visa").await;
                let charge = paid["latest_charge"].as_str().unwrap();
                post(&format!("/_sandbox/charges/{charge}/dispute"), String::new()).await;
            }
            _ => {}
        }
    }
}

fn expected(order: i64) -> &'static str {
    match order % 8 {
        0 | 3 | 6 => "succeeded",
        1 => "partially_refunded",
        2 => "refunded",
        4 => "cancelled",
        5 => "failed",
        _ => "pending",
    }
}

async fn run(shop: &Payments, scope: Scope) -> Report {
    let report = reconcile(&shop.app.reconciler(), scope).await.unwrap();
    shop.settle().await;
    report
}

fn summary(report: &Report) -> (usize, usize) {
    (report.repaired(), report.unexplained())
}

// PAY-16, PAY-9, PAY-17
#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_without_any_webhook_one_run_makes_every_order_right_and_the_next_finds_nothing() {
    let shop = Payments::start().await;
    untold(&shop).await;
    assert_eq!(shop.heard(), [] as [&str; 0]);
    let report = run(&shop, Scope::All).await;
    assert_eq!(report.unexplained(), 0, "{:?}", report.findings);
    // 35 intents that moved, 20 refunds, 5 disputes.
    assert_eq!(report.repaired(), 60, "{:?}", report.findings);
    for order in 1..=40 {
        assert_eq!(shop.status(order).await, expected(order), "order {order}");
    }
    for (kind, count) in [
        ("succeeded", 25),
        ("refunded", 15),
        ("cancelled", 5),
        ("failed", 5),
    ] {
        assert_eq!(
            shop.heard().iter().filter(|heard| *heard == kind).count(),
            count,
            "{kind}"
        );
    }
    let disputed = shop.payment(6).await;
    assert_eq!(disputed["disputeStatus"], "needs_response");
    let now = time::macros::datetime!(2040-01-01 00:00 UTC);
    let facts = payment_service::operator::audit(&shop.db.pool, now, now - Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(
        (facts.balance.broken, facts.ledger.broken, facts.refunds.broken),
        (0, 0, 0),
        "{facts:?}"
    );
    let drifted: Value =
        sqlx::query_scalar("select payload from outbox where type = 'reconciliation.drifted.v1'")
            .fetch_one(&shop.db.pool)
            .await
            .unwrap();
    assert_eq!(
        (&drifted["repaired"], &drifted["unexplained"]),
        (&json!(60), &json!(0))
    );
    assert!(drifted["amounts"][0]["repairedMinor"].as_i64().unwrap() > 25_000);

    for scope in [Scope::All, Scope::Open] {
        let again = run(&shop, scope).await;
        assert_eq!(summary(&again), (0, 0), "{:?}", again.findings);
    }
    // What was only late changes nothing any more.
    let heard = shop.heard().len();
    shop.deliver_all().await;
    shop.settle().await;
    assert_eq!(shop.heard().len(), heard);
    assert_eq!(summary(&run(&shop, Scope::All).await), (0, 0));
}

// PAY-16
#[tokio::test]
async fn what_cannot_be_explained_is_named_until_it_is_settled_and_stops_nothing() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    shop.paid(82, 2_000).await;
    let intent = shop.ordered(83, 3_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    // Money for no order, an intent of ours that is not there, and a payment that was paid here only.
    let made = shop
        .provider(Method::POST, "/v1/payment_intents", "amount=700&currency=usd")
        .await;
    let stranger = made["id"].as_str().unwrap().to_owned();
    let open = run(&shop, Scope::All).await;
    assert_eq!(summary(&open), (1, 1), "{:?}", open.findings);
    shop.pay(&stranger, "pm_card_visa").await;
    for sql in [
        "update payments set payment_intent_id = 'pi_lost' where order_id = 81",
        "update payments set captured_minor = 1500 where order_id = 82",
    ] {
        sqlx::query(sql).execute(&shop.db.pool).await.unwrap();
    }
    let report = run(&shop, Scope::All).await;
    let mut found: Vec<(Option<i64>, String, String)> = report
        .findings
        .iter()
        .map(|f| (f.order.map(types::OrderId::get), f.what.clone(), f.money()))
        .collect();
    found.sort();
    let found: Vec<_> = found
        .iter()
        .map(|(order, what, money)| (*order, what.as_str(), money.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (None, "it is for no order here", "7.00 USD"),
            (
                None,
                "it says that it is for order 81, whose payment has another or none",
                "10.00 USD"
            ),
            (Some(81), "the provider has not got it", "10.00 USD"),
            (Some(82), "2000 arrived over there and 1500 here", "5.00 USD"),
        ]
    );
    assert_eq!(report.unexplained(), 4);
    assert_eq!(shop.status(83).await, "succeeded");
    assert_eq!(
        shop.count("select count(*) from reconciliation_findings where not repaired")
            .await,
        5
    );

    // Money of nobody that went back is nobody's.
    shop.provider(Method::POST, "/v1/refunds", &format!("payment_intent={stranger}"))
        .await;
    for sql in [
        "update payments set captured_minor = 2000 where order_id = 82",
        "update payments p set payment_intent_id = (select object_id from ledger_entries e where e.payment_id = p.id)
          where order_id = 81",
    ] {
        sqlx::query(sql).execute(&shop.db.pool).await.unwrap();
    }
    let report = run(&shop, Scope::All).await;
    assert_eq!(summary(&report), (0, 0), "{:?}", report.findings);
}

/// What a run found: each object's id, what is said of it, how much money that is, and whether it is right now.
fn found(report: &Report) -> Vec<(&str, &str, i64, bool)> {
    let told = report.findings.iter();
    told.map(|f| (f.object_id.as_str(), f.what.as_str(), f.minor, f.repaired))
        .collect()
}

// PAY-15, PAY-16
#[tokio::test]
async fn a_dispute_that_was_decided_otherwise_than_we_heard_is_repaired_or_named() {
    let shop = Payments::start().await;
    let (mut disputes, orders) = (Vec::new(), [81, 82]);
    for order in orders {
        let intent = shop.paid(order, 1_000).await;
        disputes.push(shop.charge_back(&intent, "").await);
    }
    shop.deliver_all().await;
    shop.settle().await;
    let (won, lost) = (&disputes[0], &disputes[1]);
    // Another dispute of the same payment, which weighs more, hides what becomes of the first.
    let intent = shop.payment(81).await["paymentIntentId"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = dispute(&intent, ("dp_other", "evt_other"), "closed", "lost", &[-1_000]);
    shop.deliver(&other).await;
    shop.settle().await;
    for (id, ends) in [(won, "won"), (lost, "lost")] {
        shop.bank(id, "close", &format!("status={ends}")).await;
    }
    for (id, ours) in [(won, "lost"), (lost, "won")] {
        let wrong = format!("update disputes set status = '{ours}' where provider_id = '{id}'");
        sqlx::query(sqlx::AssertSqlSafe(wrong))
            .execute(&shop.db.pool)
            .await
            .unwrap();
    }
    let report = run(&shop, Scope::All).await;
    let mut told = found(&report);
    told.sort_by_key(|(id, ..)| disputes.iter().position(|d| d == id).unwrap_or(usize::MAX));
    let contradicts = (lost.as_str(), "it is lost over there and won here", 0, false);
    let missing = ("dp_other", "the provider has not got it", 1_000, false);
    assert_eq!(
        told,
        [
            (won.as_str(), "it is won over there and lost here", 1_000, true),
            contradicts,
            missing
        ]
    );
    let status: String = sqlx::query_scalar("select status from disputes where provider_id = $1")
        .bind(won)
        .fetch_one(&shop.db.pool)
        .await
        .unwrap();
    assert_eq!(status, "won");

    let again = run(&shop, Scope::Open).await;
    let mut told = found(&again);
    told.sort_by_key(|(id, ..)| *id != lost);
    assert_eq!(told, [contradicts, missing], "until somebody has looked");
}

// PAY-15, PAY-16
#[tokio::test]
async fn what_a_payment_says_of_its_disputes_follows_a_status_that_was_mended_by_hand() {
    let shop = Payments::start().await;
    let intent = shop.paid(81, 1_000).await;
    let id = shop.charge_back(&intent, "").await;
    shop.deliver_all().await;
    shop.settle().await;
    shop.bank(&id, "close", "status=lost").await;
    assert_eq!(shop.payment(81).await["disputeStatus"], "needs_response");
    sqlx::query("update disputes set status = 'lost'")
        .execute(&shop.db.pool)
        .await
        .unwrap();
    let report = run(&shop, Scope::All).await;
    let what = "it is lost, and what its payment says of all its disputes differs";
    assert_eq!(found(&report), [(id.as_str(), what, 0, true)]);
    let payment = shop.payment(81).await;
    assert_eq!(
        (&payment["disputeStatus"], &payment["evidenceDueBy"]),
        (&json!("lost"), &Value::Null)
    );
    let told = shop.shop.heard.lock().unwrap().last().cloned().unwrap();
    assert_eq!(
        (told.0.as_str(), &told.1["status"]),
        ("payment.disputed.v1", &json!("lost"))
    );

    // The sum may be wrong alone.
    sqlx::query("update payments set disputed_minor = 300")
        .execute(&shop.db.pool)
        .await
        .unwrap();
    let heard = shop.heard().len();
    assert_eq!(
        found(&run(&shop, Scope::All).await),
        [(id.as_str(), what, 700, true)]
    );
    assert_eq!(shop.count("select disputed_minor from payments").await, 1_000);
    assert_eq!(shop.heard().len(), heard, "nothing that anybody is told of");
    let again = run(&shop, Scope::All).await;
    assert_eq!(summary(&again), (0, 0), "{:?}", again.findings);
}

// PAY-16, PAY-4
#[tokio::test]
async fn an_intent_and_a_refund_whose_answers_were_lost_are_found() {
    let shop = Payments::start().await;
    shop.order(81, 1_000);
    shop.road.fail([Fault::LoseAnswer]);
    assert!(shop.create(81, 1_000).await.is_err());
    assert_eq!(summary(&run(&shop, Scope::Open).await), (1, 0));
    assert!(shop.payment(81).await["paymentIntentId"].is_string());
    shop.paid(82, 2_000).await;
    shop.road.fail([Fault::LoseAnswer]);
    assert_eq!(shop.refund(json!({"orderId": 82})).await.status, 503);
    assert_eq!(summary(&run(&shop, Scope::Open).await), (1, 0));
    assert_eq!(shop.status(82).await, "refunded");
    shop.after(Duration::from_secs(3_600)).await;
    assert_eq!(
        shop.count("select count(*) from operations where state = 'started'")
            .await,
        0
    );
    assert_eq!(shop.count("select count(*) from refunds").await, 1);
}

// PAY-16
#[tokio::test]
async fn a_provider_that_does_not_answer_is_no_drift() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    shop.road.close(true);
    assert!(reconcile(&shop.app.reconciler(), Scope::All).await.is_err());
    assert_eq!(shop.count("select count(*) from reconciliations").await, 0);
}

// PAY-16, JOB-1
#[tokio::test]
async fn it_runs_each_hour_over_what_is_open_and_each_night_over_everything() {
    let shop = Payments::start().await;
    shop.app.queues.run_due().await.unwrap();
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    shop.clock.advance(Duration::from_secs(3_600));
    shop.app.queues.run_due().await.unwrap();
    assert_eq!(shop.status(81).await, "succeeded");
    shop.clock.advance(Duration::from_secs(24 * 3_600));
    shop.app.queues.run_due().await.unwrap();
    let scopes: Vec<String> = sqlx::query_scalar("select scope from reconciliations order by scope")
        .fetch_all(&shop.db.pool)
        .await
        .unwrap();
    assert_eq!(scopes, ["all", "open", "open"]);
}
