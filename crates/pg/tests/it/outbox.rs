use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;
use pg::outbox::{self, Claimed};
use sqlx::PgPool;

use crate::harness::{NOW, database, event};

const LEASE: Duration = Duration::from_secs(30);

async fn publish(pool: &PgPool, order: i64, subscribers: &[&str]) -> i64 {
    let mut conn = pool.acquire().await.unwrap();
    outbox::publish(&mut conn, event(order), subscribers)
        .await
        .unwrap()
        .sequence
}

fn sequences(claimed: &[Claimed]) -> Vec<i64> {
    claimed.iter().map(|c| c.event.sequence).collect()
}

#[tokio::test]
async fn an_event_exists_only_if_its_transaction_commits() {
    // EVT-1
    let db = database().await;
    let mut tx = pg::begin(&db.pool).await.unwrap();
    outbox::publish(&mut tx, event(1), &["mail"]).await.unwrap();
    tx.rollback().await.unwrap();

    assert!(outbox::claim(&db.pool, NOW, LEASE, 10).await.unwrap().is_empty());
    assert_eq!(
        publish(&db.pool, 1, &["mail"]).await,
        1,
        "a rolled back event leaves no gap"
    );
}

#[tokio::test]
async fn an_event_arrives_as_it_was_published() {
    // EVT-2
    let db = database().await;
    let mut conn = db.pool.acquire().await.unwrap();
    let mut sent = event(7);
    sent.causation = Some("checkout/42");
    let published = outbox::publish(&mut conn, sent.clone(), &["mail", "search"])
        .await
        .unwrap();

    let claimed = outbox::claim(&db.pool, NOW, LEASE, 10).await.unwrap();
    assert_eq!(
        claimed.iter().map(|c| c.subscriber.as_str()).collect::<Vec<_>>(),
        ["mail", "search"]
    );
    let got = &claimed[0].event;
    assert_eq!((got.event_id, got.sequence), (published.event_id, 1));
    assert_eq!(
        (got.event_type.as_str(), got.aggregate.as_str()),
        (sent.event_type, sent.aggregate)
    );
    assert_eq!(
        (got.aggregate_id, &got.payload, got.occurred_at),
        (7, &sent.payload, NOW)
    );
    assert_eq!(
        (got.actor.as_str(), got.causation.as_deref()),
        (sent.actor, sent.causation)
    );
}

#[tokio::test]
async fn concurrent_writers_are_delivered_in_order_without_gaps() {
    // EVT-1
    let db = database().await;
    join_all((0..60).map(|n| publish(&db.pool, n % 3, &["mail", "search"]))).await;

    let mut seen: HashMap<(i64, String), Vec<i64>> = HashMap::new();
    loop {
        // Two relays at once.
        let claims = [(); 2].map(|()| outbox::claim(&db.pool, NOW, LEASE, 4));
        let claimed: Vec<Claimed> = join_all(claims)
            .await
            .into_iter()
            .flat_map(Result::unwrap)
            .collect();
        if claimed.is_empty() {
            break;
        }
        for c in &claimed {
            seen.entry((c.event.aggregate_id, c.subscriber.clone()))
                .or_default()
                .push(c.event.sequence);
        }
        outbox::delivered(&db.pool, &claimed).await.unwrap();
    }
    assert_eq!(seen.len(), 6);
    for ((order, subscriber), sequences) in seen {
        assert_eq!(
            sequences,
            (1..=20).collect::<Vec<_>>(),
            "order {order} to {subscriber}"
        );
    }
}

#[tokio::test]
async fn what_one_relay_holds_no_other_relay_gets_until_the_lease_ends() {
    // EVT-1
    let db = database().await;
    for order in 0..10 {
        publish(&db.pool, order, &["mail"]).await;
    }
    let claims = [(); 4].map(|()| outbox::claim(&db.pool, NOW, LEASE, 10));
    let claimed: usize = join_all(claims).await.into_iter().map(|c| c.unwrap().len()).sum();
    let rest = outbox::claim(&db.pool, NOW, LEASE, 10).await.unwrap().len();
    assert_eq!(claimed + rest, 10);

    assert!(
        outbox::claim(&db.pool, NOW + LEASE / 2, LEASE, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let again = outbox::claim(&db.pool, NOW + LEASE, LEASE, 10).await.unwrap();
    assert_eq!(again.len(), 10, "a relay that died loses nothing");
    assert!(again.iter().all(|c| c.attempt == 2));
}

#[tokio::test]
async fn a_refused_event_holds_back_its_own_aggregate_and_subscriber_only() {
    // EVT-1
    let db = database().await;
    publish(&db.pool, 1, &["mail", "search"]).await;
    publish(&db.pool, 1, &["mail", "search"]).await;
    publish(&db.pool, 2, &["mail"]).await;
    let backoff = Duration::from_secs(60);

    let claimed = outbox::claim(&db.pool, NOW, LEASE, 10).await.unwrap();
    let (refused, taken): (Vec<_>, Vec<_>) = claimed
        .iter()
        .partition(|c| c.event.aggregate_id == 1 && c.subscriber == "mail");
    outbox::failed(&db.pool, refused[0], NOW, backoff).await.unwrap();
    outbox::delivered(&db.pool, taken).await.unwrap();

    let next = outbox::claim(&db.pool, NOW, LEASE, 10).await.unwrap();
    assert_eq!(
        next.iter().map(|c| c.subscriber.as_str()).collect::<Vec<_>>(),
        ["search"]
    );
    let later = outbox::claim(&db.pool, NOW + backoff, LEASE, 10).await.unwrap();
    assert!(
        later
            .iter()
            .any(|c| c.subscriber == "mail" && c.event.sequence == 1 && c.attempt == 2)
    );
}

#[tokio::test]
async fn a_relay_that_lost_its_lease_cannot_give_the_delivery_back() {
    let db = database().await;
    publish(&db.pool, 1, &["mail"]).await;
    let late = outbox::claim(&db.pool, NOW, LEASE, 10).await.unwrap();
    let current = outbox::claim(&db.pool, NOW + LEASE, LEASE, 10).await.unwrap();
    outbox::failed(&db.pool, &late[0], NOW + LEASE, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(current.len(), 1);
    assert!(
        outbox::claim(&db.pool, NOW + LEASE, LEASE, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn lag_counts_what_waits_and_pruning_spares_it() {
    let db = database().await;
    assert_eq!(outbox::lag(&db.pool).await.unwrap().age(NOW), Duration::ZERO);
    publish(&db.pool, 1, &["mail"]).await;
    publish(&db.pool, 1, &["mail"]).await;
    let lag = outbox::lag(&db.pool).await.unwrap();
    assert_eq!((lag.waiting, lag.age(NOW + LEASE)), (2, LEASE));

    let first = outbox::claim(&db.pool, NOW, LEASE, 10).await.unwrap();
    assert_eq!(sequences(&first), [1]);
    outbox::delivered(&db.pool, &first).await.unwrap();
    assert_eq!(outbox::prune(&db.pool, NOW + LEASE).await.unwrap(), 1);
    assert_eq!(
        sequences(&outbox::claim(&db.pool, NOW, LEASE, 10).await.unwrap()),
        [2]
    );
    assert_eq!(publish(&db.pool, 1, &[]).await, 3, "numbers go on after pruning");
}

// EVT-1
#[tokio::test]
async fn events_of_one_thing_that_are_published_together_keep_their_order() {
    let db = database().await;
    let mut conn = db.pool.acquire().await.unwrap();
    outbox::publish(&mut conn, event(2), &["mail"]).await.unwrap();
    let events = [(2, "a"), (1, "b"), (2, "c"), (1, "d"), (3, "e"), (2, "f")].map(|(order, word)| {
        let mut event = event(order);
        event.payload = serde_json::json!(word);
        event
    });
    outbox::publish_all(&mut conn, events.into(), &["mail"])
        .await
        .unwrap();
    let written: Vec<(i64, i64, serde_json::Value)> =
        sqlx::query_as("select aggregate_id, sequence, payload from outbox order by aggregate_id, sequence")
            .fetch_all(&db.pool)
            .await
            .unwrap();
    let of = |order: i64| -> Vec<(i64, &str)> {
        let rows = written.iter().filter(|(id, ..)| *id == order);
        rows.map(|(_, sequence, payload)| (*sequence, payload.as_str().unwrap_or("first")))
            .collect()
    };
    assert_eq!(of(1), [(1, "b"), (2, "d")]);
    assert_eq!(of(2), [(1, "first"), (2, "a"), (3, "c"), (4, "f")]);
    assert_eq!(of(3), [(1, "e")]);
    assert_eq!(publish(&db.pool, 2, &["mail"]).await, 5);
    assert_eq!(publish(&db.pool, 3, &["mail"]).await, 2);
}
