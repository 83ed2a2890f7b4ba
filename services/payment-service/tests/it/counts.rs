//! What is shown of what waits for somebody.

use payment_service::store::counts::{Waiting, waiting};
use serde_json::json;
use types::Clock as _;

use crate::disputes::dispute;
use crate::doubles::Fault;
use crate::harness::Payments;

// PAY-11, PAY-14, PAY-16
#[tokio::test]
async fn mismatches_and_webhooks_that_wait_or_were_given_up_and_what_reconciliation_left_are_counted() {
    let shop = Payments::start().await;
    let look = async || {
        let mut conn = shop.db.pool.acquire().await.unwrap();
        waiting(&mut conn).await.unwrap()
    };
    let mut expected = Waiting {
        mismatched: 0,
        owed: 0,
        dead: 0,
        received: 0,
        oldest: None,
        unexplained_open: 0,
        unexplained_all: 0,
    };
    assert_eq!(look().await, expected);

    let intent = shop.ordered(91, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    let event = shop.event("payment_intent.succeeded").await;
    assert_eq!(shop.deliver(&event).await.status, 200);
    expected.received = 1;
    expected.oldest = Some(shop.clock.now());
    assert_eq!(look().await, expected);

    for sql in [
        "update webhook_events set state = 'dead'",
        "update payments set status = 'mismatch', mismatched = true",
        "insert into reconciliations (scope, started_at, ended_at, checked, repaired, unexplained)
         values ('open', now(), now(), 9, 0, 5), ('all', now(), now(), 9, 0, 4), ('open', now(), now(), 9, 1, 3)",
    ] {
        sqlx::query(sql).execute(&shop.db.pool).await.unwrap();
    }
    expected = Waiting {
        mismatched: 1,
        owed: 0,
        dead: 1,
        received: 0,
        oldest: None,
        unexplained_open: 3,
        unexplained_all: 4,
    };
    assert_eq!(look().await, expected);
}

// PAY-12, PAY-15
#[tokio::test]
async fn a_payment_whose_refund_came_back_is_counted_until_its_money_was_sent_again() {
    let shop = Payments::start().await;
    let owed = async || {
        let mut conn = shop.db.pool.acquire().await.unwrap();
        waiting(&mut conn).await.unwrap().owed
    };
    let send = async |order: i64, amount: &str| {
        let answer = shop.refund(json!({"orderId": order, "amount": amount})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    // All of it, which is sent again in two parts; the second of them comes back too.
    shop.paid(81, 1_000).await;
    send(81, "10.00").await;
    assert_eq!(owed().await, 0);
    shop.refund_fails().await;
    assert_eq!(owed().await, 1);
    send(81, "4.00").await;
    assert_eq!(owed().await, 1);
    send(81, "6.00").await;
    assert_eq!(owed().await, 0);
    shop.refund_fails().await;
    assert_eq!(owed().await, 1, "the payment is one");
    send(81, "6.00").await;
    assert_eq!(owed().await, 0);
    // A part of it: the rest is nobody's but the shop's.
    shop.paid(82, 1_000).await;
    send(82, "3.00").await;
    shop.refund_fails().await;
    assert_eq!(owed().await, 1);
    send(82, "3.00").await;
    assert_eq!(owed().await, 0);
    // One that the provider never took has not come back from anywhere.
    shop.paid(83, 1_000).await;
    shop.road.fail([Fault::Answer(400)]);
    assert_eq!(shop.refund(json!({"orderId": 83})).await.status, 502);
    assert_eq!(owed().await, 0);
    // What a bank has taken cannot be sent again, unless it gives it back.
    let intent = shop.paid(84, 1_000).await;
    send(84, "10.00").await;
    shop.refund_fails().await;
    for (event, kind, status, moved, count) in [
        ("evt_1", "created", "needs_response", &[-1_000][..], 0),
        ("evt_2", "funds_reinstated", "won", &[-1_000, 1_000], 1),
    ] {
        shop.deliver(&dispute(&intent, ("dp_1", event), kind, status, moved))
            .await;
        shop.settle().await;
        assert_eq!(owed().await, count, "{status}");
    }
}
