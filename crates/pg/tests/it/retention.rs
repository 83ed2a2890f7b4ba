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

// EVT-1, IDK-1: one statement for a day of a busy shop would take longer than a statement may
#[tokio::test]
async fn much_is_forgotten_in_many_statements() {
    let db = database().await;
    for sql in [
        "insert into idempotency_keys (principal, route, key, body_hash, state, lease_until, created_at)
         select 'user:1', 'POST /orders', n::text, '', 'running', $1, $1 from generate_series(1, 10001) n",
        "insert into outbox (event_id, type, aggregate, aggregate_id, sequence, payload, occurred_at, actor, trace)
         select gen_random_uuid(), 'tea.brewed.v1', 'tea', n, 1, '{}', $1, 'system', '' from generate_series(1, 10001) n",
        "insert into inbox (consumer, event_id, received_at)
         select 'mail', gen_random_uuid(), $1 from generate_series(1, 10001)",
        "insert into job (queue, kind, payload, priority, state, run_at, max_attempts, trace, created_at, ended_at)
         select 'post', 'letter', '{}', 1, 'done', $1, 1, '', $1, $1 from generate_series(1, 10001)",
    ] {
        sqlx::query(sql).bind(NOW).execute(&db.pool).await.unwrap();
    }
    let later = NOW + DAY * 60;
    let (pruned, run) = db
        .statements(async {
            let jobs = pg::jobs::prune(&db.pool, later).await.unwrap();
            (retention::prune(&db.pool, later).await.unwrap(), jobs)
        })
        .await;
    assert_eq!(pruned, (forgotten(10_001, 10_001, 10_001), 10_001));
    let deletes = run
        .each
        .iter()
        .filter(|(sql, _)| sql.trim_start().starts_with("delete"));
    let calls: Vec<i64> = deletes.map(|(_, calls)| *calls).collect();
    assert_eq!(calls, [3; 4], "{run:#?}");
}

#[tokio::test]
async fn what_cannot_be_forgotten_keeps_nothing_else() {
    let db = database().await;
    let mut conn = db.pool.acquire().await.unwrap();
    inbox::first_time(&mut conn, "mail", Uuid::now_v7(), NOW)
        .await
        .unwrap();
    sqlx::query("drop table idempotency_keys")
        .execute(&mut *conn)
        .await
        .unwrap();
    retention::prune(&db.pool, NOW + DAY * 60).await.unwrap_err();
    let left: i64 = sqlx::query_scalar("select count(*) from inbox")
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    assert_eq!(left, 0);
}
