//! Transactions and locks of a pool.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt as _;
use sqlx::Connection as _;

use crate::harness::database;

// A client that goes away drops whatever its request was waiting for.
#[tokio::test]
async fn a_begin_that_is_dropped_half_way_leaves_no_transaction_open() {
    let db = database().await;
    for _ in 0..20 {
        // Polled once: the statement may be on its way, its answer is not here.
        assert!(Box::pin(pg::begin(&db.pool)).now_or_never().is_none());
    }
    // Whatever connection comes now, what is written on it counts at once.
    let mut held = Vec::new();
    for id in 0..10_i64 {
        let mut conn = db.pool.acquire().await.unwrap();
        sqlx::query("insert into outbox_sequences (aggregate, aggregate_id, last) values ('order', $1, 1)")
            .bind(id)
            .execute(&mut *conn)
            .await
            .unwrap();
        held.push(conn);
    }
    let mut other = sqlx::PgConnection::connect(&db.url).await.unwrap();
    let seen: i64 = sqlx::query_scalar("select count(*) from outbox_sequences")
        .fetch_one(&mut other)
        .await
        .unwrap();
    assert_eq!(seen, 10, "a write is part of somebody's forgotten transaction");
}

#[tokio::test]
async fn a_transaction_commits_and_rolls_back_as_usual() {
    let db = database().await;
    for (id, commits) in [(1_i64, true), (2, false)] {
        let mut tx = pg::begin(&db.pool).await.unwrap();
        sqlx::query("insert into outbox_sequences (aggregate, aggregate_id, last) values ('order', $1, 1)")
            .bind(id)
            .execute(&mut *tx)
            .await
            .unwrap();
        if commits {
            tx.commit().await.unwrap();
        }
    }
    let kept: Vec<i64> = sqlx::query_scalar("select aggregate_id from outbox_sequences")
        .fetch_all(&db.pool)
        .await
        .unwrap();
    assert_eq!(kept, [1]);
}

/// Takes the lock, when it becomes free.
async fn locked(pool: &sqlx::PgPool, key: i64) -> sqlx::PgConnection {
    let waits = async {
        loop {
            if let Some(holder) = pg::try_lock(pool, key).await.unwrap() {
                return holder;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waits)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_lock_has_one_holder_until_that_one_is_gone() {
    let db = database().await;
    let holder = locked(&db.pool, 5).await;
    assert!(pg::try_lock(&db.pool, 5).await.unwrap().is_none());
    let other = locked(&db.pool, 6).await;
    // Without a word: as when whoever waits for the holder's work goes away.
    drop(holder);
    locked(&db.pool, 5).await.close().await.unwrap();
    other.close().await.unwrap();
}

// A client that goes away drops whatever its request was waiting for.
#[tokio::test]
async fn a_lock_that_is_dropped_half_way_is_not_left_with_the_pool() {
    let db = database().await;
    let mut other = sqlx::PgConnection::connect(&db.url).await.unwrap();
    let mut waits = 0_u32;
    loop {
        // Dropped wherever it waits: for a connection, for the answer to a statement that was sent.
        let mut taken = Box::pin(pg::try_lock(&db.pool, 7));
        let mut left = waits;
        let end = poll_fn(|cx| match taken.as_mut().poll(cx) {
            Poll::Pending if left == 0 => Poll::Ready(None),
            polled => {
                left = left.saturating_sub(1);
                polled.map(Some)
            }
        });
        if end.await.is_some() {
            break;
        }
        drop(taken);
        let free = async {
            while usize::try_from(db.pool.size()).unwrap() != db.pool.num_idle() {
                tokio::task::yield_now().await;
            }
            while !sqlx::query_scalar::<_, bool>("select pg_try_advisory_lock(7)")
                .fetch_one(&mut other)
                .await
                .unwrap()
            {}
            sqlx::query("select pg_advisory_unlock(7)")
                .execute(&mut other)
                .await
                .unwrap();
        };
        tokio::time::timeout(Duration::from_secs(10), free)
            .await
            .unwrap_or_else(|_| panic!("left behind after {waits} waits"));
        waits += 1;
    }
    assert!(waits > 0);
}
