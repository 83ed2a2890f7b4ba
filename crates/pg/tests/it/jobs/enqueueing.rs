//! What is written when a job is enqueued.

use pg::jobs::{self, NewJob, State};
use serde_json::json;

use super::desk::{Desk, QUEUE};
use crate::harness::NOW;

// JOB-1
#[tokio::test]
async fn a_job_exists_only_if_its_transaction_commits() {
    let desk = Desk::open().await;
    let mut tx = pg::begin(&desk.db.pool).await.unwrap();
    assert!(jobs::enqueue(&mut tx, desk.letter(1)).await.unwrap().is_some());
    tx.rollback().await.unwrap();
    assert_eq!(desk.letters().run_due().await.unwrap(), 0);

    let mut tx = pg::begin(&desk.db.pool).await.unwrap();
    jobs::enqueue(&mut tx, desk.letter(2)).await.unwrap();
    assert_eq!(desk.letters().run_due().await.unwrap(), 0, "not committed yet");
    tx.commit().await.unwrap();
    assert_eq!(desk.letters().run_due().await.unwrap(), 1);
    assert_eq!(desk.numbers(), [2]);
}

// JOB-1
#[tokio::test]
async fn a_key_is_taken_until_its_job_ends_and_only_in_its_queue() {
    let desk = Desk::open().await;
    let mail = |queue| NewJob::new(queue, "letter", json!({"n": 1}), NOW).unique("order/1/paid");
    let first = desk.enqueue(mail(QUEUE)).await.unwrap();
    assert_eq!(desk.enqueue(mail(QUEUE)).await, None, "it waits");
    assert!(desk.enqueue(mail("other")).await.is_some());
    let held = desk.claim(1).await;
    assert_eq!(desk.enqueue(mail(QUEUE)).await, None, "it runs");
    jobs::hand_back(&desk.db.pool, &[(first, held[0].fence)])
        .await
        .unwrap();
    desk.letters().run_due().await.unwrap();
    assert!(desk.enqueue(mail(QUEUE)).await.is_some(), "it has ended");
}

// JOB-1
#[tokio::test]
async fn two_transactions_that_want_the_same_key_make_one_job() {
    let desk = Desk::open().await;
    let keyed = || desk.letter(1).unique("one");
    let both = async || {
        let mut tx = pg::begin(&desk.db.pool).await.unwrap();
        let made = jobs::enqueue(&mut tx, keyed()).await.unwrap().is_some();
        tx.commit().await.unwrap();
        made
    };
    let made = futures::future::join_all((0..8).map(|_| both())).await;
    assert_eq!(made.into_iter().filter(|&made| made).count(), 1);
    assert_eq!(desk.open_jobs().await, 1);
}

// JOB-1
#[tokio::test]
async fn a_batch_is_one_statement_that_keeps_its_order_and_leaves_taken_keys_out() {
    let desk = Desk::open().await;
    desk.enqueue(desk.letter(0).unique("b")).await.unwrap();
    let batch = vec![
        desk.letter(1),
        desk.letter(2).unique("b"),
        desk.letter(3).unique("a"),
        desk.letter(4).unique("a"),
        desk.letter(5),
    ];
    let mut conn = desk.db.pool.acquire().await.unwrap();
    assert_eq!(jobs::enqueue_many(&mut conn, batch).await.unwrap(), 3);
    drop(conn);
    let order: Vec<i64> = desk
        .claim(10)
        .await
        .iter()
        .map(|j| j.payload["n"].as_i64().unwrap())
        .collect();
    assert_eq!(order, [0, 1, 5, 3]);
}

// JOB-1
#[tokio::test]
async fn a_job_arrives_as_it_was_enqueued() {
    let desk = Desk::open().await;
    let id = desk
        .enqueue(desk.letter(7).attempts(0).trace("00-a-b-01"))
        .await
        .unwrap();
    let job = desk.claim(1).await.remove(0);
    assert_eq!(
        (job.id, job.queue.as_str(), job.kind.as_str()),
        (id, QUEUE, "letter")
    );
    assert_eq!(
        (job.payload["n"].as_i64(), job.trace.as_str()),
        (Some(7), "00-a-b-01")
    );
    assert_eq!((job.attempt, job.max_attempts, job.created_at), (1, 1, NOW));
    assert_eq!(desk.state(id).await, Some(State::Running));
}
