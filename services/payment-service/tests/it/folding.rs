//! What comes at the same time shares statements and commits, and none is the worse for it.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use payment_service::error::PaymentError;
use payment_service::jobs;
use payment_service::ops::beginning::Beginning;
use payment_service::store::payments::NewPayment;
use pg::fold;
use runtime::context::{self, Context};
use serde_json::{Value, json};
use types::{Currency, Money, OrderId, UserId};
use wire::code;
use wire::rpc::Refused;

use crate::disputes::dispute;
use crate::harness::{ALICE, Payments};

fn new(order: i64, minor: i64) -> NewPayment {
    NewPayment {
        order_id: OrderId::new(order).unwrap(),
        user_id: UserId::new(ALICE).unwrap(),
        amount: Money::from_minor(minor, Currency::parse("USD").unwrap()),
    }
}

/// Events that are worked off by storing them.
fn tea(id: &str) -> Value {
    json!({"id": id, "type": "tea.brewed", "livemode": false, "data": {"object": {}}})
}

/// How many transactions wrote the rows of `table`.
async fn commits(shop: &Payments, table: &str) -> (i64, i64) {
    let sql = format!("select count(*), count(distinct xmin::text) from {table}");
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .fetch_one(&shop.db.pool)
        .await
        .unwrap()
}

// PAY-1, PAY-4
#[tokio::test]
async fn payments_that_begin_together_share_their_commits() {
    let shop = Payments::start().await;
    let asks = (1..=60).map(|order| shop.app.beginning.ask(new(order, 1_000)));
    let begun: Vec<_> = join_all(asks).await.into_iter().map(Result::unwrap).collect();
    let (written, together) = commits(&shop, "payments").await;
    assert_eq!(written, 60);
    assert!(together <= 20, "60 payments took {together} commits");
    let (written, together) = commits(&shop, "operations where state = 'started'").await;
    assert_eq!(written, 60, "each is written down before the provider is called");
    assert!(together <= 20, "60 operations took {together} commits");

    // Whoever asks again goes on with what was begun, under its key.
    let made = join_all((1..=60).map(|order| shop.create(order, 1_000))).await;
    let mut secrets: Vec<String> = made.into_iter().map(|m| m.unwrap().client_secret).collect();
    secrets.sort_unstable();
    secrets.dedup();
    assert_eq!(secrets.len(), 60);
    assert_eq!(shop.intents().await.len(), 60, "no orphan at the provider");
    let (ended, together) = commits(&shop, "operations where state = 'done'").await;
    assert_eq!(ended, 60);
    assert!(together <= 45, "60 operations ended in {together} commits");
    let (payment, operation) = &begun[0];
    let key = &operation.as_ref().unwrap().key;
    assert!(key.starts_with(&format!("souk-create_intent-{}-", payment.id)) && key.ends_with("-1"));
}

// PAY-1, PAY-3
#[tokio::test]
async fn whoever_is_refused_among_those_that_begin_is_told_so_alone() {
    let shop = Payments::start().await;
    assert!(!shop.cancel(81).await.unwrap());
    shop.ordered(82, 1_000).await;
    let asks = [
        (81, 1_000),
        (82, 1_001),
        (83, 1_000),
        // Less than the provider takes.
        (84, 1),
        (82, 1_000),
        (85, 1_000),
    ];
    let answers = join_all(asks.map(|(order, minor)| shop.create(order, minor))).await;
    let words = answers.into_iter().map(|answer| match answer {
        Ok(_) => "ok",
        Err(status) => Refused::from_status(&status).unwrap().code.slug,
    });
    assert_eq!(
        words.collect::<Vec<_>>(),
        [
            code::PAYMENT_CANCELLED.slug,
            code::IDEMPOTENCY_MISMATCH.slug,
            "ok",
            code::AMOUNT_TOO_SMALL.slug,
            "ok",
            "ok"
        ]
    );
    assert_eq!(shop.intents().await.len(), 3);
    assert_eq!(
        shop.count("select count(*) from operations where state = 'started'")
            .await,
        0
    );
}

#[tokio::test]
async fn a_payment_that_the_database_cannot_take_does_not_take_the_others_with_it() {
    let shop = Payments::start().await;
    let beginning = Beginning {
        db: shop.db.pool.clone(),
        clock: Arc::<runtime::TestClock>::clone(&shop.clock),
        call_lease: Duration::from_secs(10),
    };
    let answers = fold::all(&beginning, &[new(83, 1_000), new(82, 0), new(81, 1_000)]).await;
    let words = answers.into_iter().map(|answer| match answer {
        Ok((_, operation)) => operation.is_some(),
        Err(PaymentError::Store { .. }) => false,
        Err(error) => panic!("{error}"),
    });
    assert_eq!(words.collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(
        shop.count("select count(*) from payments where order_id <> 82")
            .await,
        2
    );
    assert_eq!(shop.count("select count(*) from payments").await, 2);
}

// PAY-7
#[tokio::test]
async fn events_that_come_together_share_their_commits_and_one_that_cannot_be_stored_is_not_acknowledged() {
    let shop = Payments::start().await;
    let mut events: Vec<Value> = (1..=60).map(|n| tea(&format!("evt_{n}"))).collect();
    // No text of PostgreSQL holds a NUL.
    events.insert(30, tea("evt_\u{0}"));
    let answers = join_all(events.iter().map(|event| shop.deliver(event))).await;
    for (event, answer) in events.iter().zip(answers) {
        let stored = event["id"] != "evt_\u{0}";
        assert_eq!(answer.status, if stored { 200 } else { 503 }, "{event}");
    }
    assert_eq!(shop.count("select count(*) from webhook_events").await, 60);

    let more: Vec<Value> = (61..=120).map(|n| tea(&format!("evt_{n}"))).collect();
    join_all(more.iter().map(|event| shop.deliver(event))).await;
    let (_, before) = commits(&shop, "webhook_events where id <= 61").await;
    let (stored, all) = commits(&shop, "webhook_events").await;
    assert_eq!(stored, 120);
    let together = all - before;
    assert!(together <= 30, "60 events took {together} commits");
}

// PAY-8
#[tokio::test]
async fn a_hundred_deliveries_of_one_event_that_come_together_are_stored_once() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    let paid = shop.event("payment_intent.succeeded").await;
    let answers = join_all((0..100).map(|_| shop.deliver(&paid))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(shop.count("select count(*) from webhook_events").await, 1);
    shop.settle().await;
    assert_eq!(shop.heard(), ["succeeded"]);
    assert_eq!(shop.count("select count(*) from ledger_entries").await, 1);
}

// PAY-8, PAY-17: one transaction, in which each payment has its own entry and its own news.
#[tokio::test]
async fn events_that_wait_together_are_taken_in_by_one_transaction() {
    let shop = Payments::start().await;
    for order in 81..=95 {
        let intent = shop.ordered(order, 1_000).await.payment_intent_id;
        shop.pay(&intent, "pm_card_visa").await;
    }
    shop.deliver_all().await;
    assert_eq!(jobs::webhooks::run_due(&shop.app).await.unwrap(), 15);
    assert_eq!(
        commits(&shop, "payments where status = 'succeeded'").await,
        (15, 1)
    );
    assert_eq!(commits(&shop, "ledger_entries").await, (15, 1));
    assert_eq!(
        commits(&shop, "webhook_events where state = 'processed' and attempts = 1").await,
        (15, 1)
    );
    let unbalanced = "select count(*) from (select entry_id from ledger_lines group by entry_id
                                            having sum(amount_minor) <> 0 or count(*) <> 2) bad";
    assert_eq!(shop.count(unbalanced).await, 0);
    shop.settle().await;
    assert_eq!(shop.heard(), ["succeeded"; 15]);
}

// PAY-7
#[tokio::test]
async fn a_poisoned_event_does_not_keep_the_others_of_its_batch_from_being_taken_in() {
    let shop = Payments::start().await;
    let disputed = shop.paid(80, 1_000).await;
    for order in 81..=85 {
        let intent = shop.ordered(order, 1_000).await.payment_intent_id;
        shop.pay(&intent, "pm_card_visa").await;
    }
    // One that cannot be read, one that cannot be written, and one whose intent no text of PostgreSQL could name.
    let mut unreadable = tea("evt_unreadable");
    unreadable["type"] = json!("charge.dispute.brewed");
    let mut unwritable = dispute(
        &disputed,
        ("dp_1", "evt_unwritable"),
        "created",
        "needs_response",
        &[],
    );
    unwritable["data"]["object"]["amount"] = json!(0);
    let unnameable = dispute(
        "pi_\u{0}",
        ("dp_2", "evt_unnameable"),
        "created",
        "needs_response",
        &[],
    );
    for poisoned in [&unreadable, &unwritable, &unnameable] {
        assert_eq!(shop.deliver(poisoned).await.status, 200);
    }
    shop.deliver_all().await;

    assert_eq!(jobs::webhooks::run_due(&shop.app).await.unwrap(), 8);
    for order in 81..=85 {
        assert_eq!(shop.status(order).await, "succeeded");
    }
    let waiting = "select count(*) from webhook_events where state = 'received' and error is not null
                                                         and attempts = 1 and next_at > received_at";
    assert_eq!(shop.count(waiting).await, 3);
    shop.after(Duration::from_secs(1)).await;
    let again = "select count(*) from webhook_events where state = 'received' and attempts = 2";
    assert_eq!(shop.count(again).await, 3);
    assert_eq!(shop.heard(), ["succeeded"; 6]);

    // What was wrong with one of them is put right: it goes on by itself.
    sqlx::query("alter table disputes drop constraint disputes_amount_check")
        .execute(&shop.db.pool)
        .await
        .unwrap();
    shop.after(Duration::from_secs(60)).await;
    assert_eq!(shop.payment(80).await["disputeStatus"], "needs_response");
}

// PAY-11: what nobody knows yet holds no connection while what is known is taken in.
#[tokio::test]
async fn more_unknown_events_than_there_are_connections_do_not_keep_a_known_one_from_being_taken_in() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    let paid = shop.event("payment_intent.succeeded").await;
    let unknown = |n: usize| {
        let mut event = paid.clone();
        event["id"] = json!(format!("evt_unknown_{n}"));
        event["data"]["object"]["id"] = json!(format!("pi_unknown_{n}"));
        event["data"]["object"]["metadata"] = json!({});
        event
    };
    // With the one that is known, as many as are understood side by side.
    for n in 1..=15 {
        assert_eq!(shop.deliver(&unknown(n)).await.status, 200);
    }
    assert_eq!(shop.deliver(&paid).await.status, 200);
    assert_eq!(jobs::webhooks::run_due(&shop.app).await.unwrap(), 16);
    assert_eq!(shop.status(81).await, "succeeded");
    let waiting =
        "select count(*) from webhook_events where state = 'received' and error like '%pi_unknown_%'";
    assert_eq!(shop.count(waiting).await, 15);
}

// EVT-2: the task that does the work for many belongs to none of them.
#[tokio::test]
async fn what_is_told_together_names_the_request_of_each() {
    let shop = Payments::start().await;
    let contexts: Vec<Context> = (81..=84).map(|_| Context::background("order-service")).collect();
    for order in 81..=84 {
        shop.ordered(order, 1_000).await;
    }
    let cancelled = (81..)
        .zip(&contexts)
        .map(|(order, request)| context::scope(request.clone(), shop.cancel(order)));
    for answer in join_all(cancelled).await {
        assert!(!answer.unwrap());
    }
    let told: Vec<(String, String)> = sqlx::query_as(
        "select causation, trace from outbox where type = 'payment.cancelled.v1' order by payload->>'orderId'",
    )
    .fetch_all(&shop.db.pool)
    .await
    .unwrap();
    let asked: Vec<String> = contexts.iter().map(|c| c.request_id.clone()).collect();
    assert_eq!(told.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), asked);
    for ((_, trace), request) in told.iter().zip(&contexts) {
        assert!(trace.contains(&request.trace_id), "{trace}");
    }
    shop.settle().await;
}
