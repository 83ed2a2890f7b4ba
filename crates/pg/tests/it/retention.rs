//! What is forgotten, and when.

use std::time::Duration;

use pg::idempotency::{self, Begin, Scope};
use pg::retention::{self, Forgotten};
use pg::{inbox, outbox};
use types::{Clock as _, TestClock};
use uuid::Uuid;

use crate::harness::{NOW, database, event};

const DAY: Duration = Duration::from_secs(24 * 3_600);

fn forgotten(keys: u64, events: u64, received: u64) -> Forgotten {
    Forgotten {
        keys,
        events,
        received,
    }
}

// IDK-1, EVT-1, EVT-3: keys for three days, events for thirty, what was received for one day more.
#[tokio::test]
async fn what_was_done_is_forgotten_in_its_time_and_what_waits_is_not() {
    let db = database().await;
    let clock = TestClock::at(NOW);
    let mut conn = db.pool.acquire().await.unwrap();
    let scope = Scope {
        principal: "user:1",
        route: "POST /orders",
        key: "k-1",
        body_hash: b"hash",
    };
    let lease = Duration::from_secs(30);
    let begun = idempotency::begin(&mut conn, &scope, NOW, lease, retention::KEYS).await;
    assert_eq!(begun.unwrap(), Begin::New);
    // One that nobody wants, one that somebody still waits for.
    outbox::publish(&mut conn, event(1), &[]).await.unwrap();
    outbox::publish(&mut conn, event(2), &["mail"]).await.unwrap();
    let received = Uuid::now_v7();
    assert!(inbox::first_time(&mut conn, "mail", received, NOW).await.unwrap());

    let prune = async || retention::prune(&db.pool, clock.now()).await.unwrap();
    let second = Duration::from_secs(1);
    clock.advance(DAY * 3);
    assert_eq!(prune().await, forgotten(0, 0, 0));
    clock.advance(second);
    assert_eq!(prune().await, forgotten(1, 0, 0));
    clock.advance(DAY * 27 - second);
    assert_eq!(prune().await, forgotten(0, 0, 0));
    clock.advance(second);
    assert_eq!(prune().await, forgotten(0, 1, 0));
    // Its publisher may send it for the last time just now: it is known.
    assert!(
        !inbox::first_time(&mut conn, "mail", received, clock.now())
            .await
            .unwrap()
    );
    clock.advance(DAY);
    assert_eq!(prune().await, forgotten(0, 0, 1));
    clock.advance(DAY * 365);
    assert_eq!(prune().await, forgotten(0, 0, 0));
    let waiting = outbox::claim(&db.pool, clock.now(), lease, 10).await.unwrap();
    assert_eq!(waiting.len(), 1, "what waits is not forgotten");
}
