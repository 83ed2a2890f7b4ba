//! Transactions of a pool.

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
