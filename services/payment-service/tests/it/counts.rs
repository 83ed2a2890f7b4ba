//! What is shown of what waits for somebody.

use payment_service::store::counts::{Waiting, waiting};
use types::Clock as _;

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
        dead: 1,
        received: 0,
        oldest: None,
        unexplained_open: 3,
        unexplained_all: 4,
    };
    assert_eq!(look().await, expected);
}
