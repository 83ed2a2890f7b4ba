//! Workers: what they take up, what they hold, and how they stop.

use std::sync::Arc;
use std::time::Duration;

use pg::jobs::{self, NewJob, Settings, State};
use serde_json::json;
use tokio::sync::Semaphore;
use types::Clock as _;

use super::desk::{Desk, LEASE, QUEUE, Reply, eventually, settings};
use crate::harness::NOW;

/// Looks and tidies only when nudged, as far as a test lasts.
fn sleepy() -> Settings {
    Settings {
        poll: Duration::from_secs(3600),
        tidy: Duration::from_secs(3600),
        ..Settings::new("test")
    }
}

async fn enqueue_all(desk: &Desk, numbers: std::ops::Range<i64>) {
    let mut conn = desk.db.pool.acquire().await.unwrap();
    let batch = numbers.map(|n| desk.letter(n)).collect();
    jobs::enqueue_many(&mut conn, batch).await.unwrap();
}

#[tokio::test]
async fn a_nudged_worker_runs_what_was_committed() {
    let desk = Desk::open().await;
    let queues = desk.queues(sleepy()).with(desk.handler("letter"));
    let (stop, worker) = desk.work(&queues);
    desk.post(1).await;
    queues.nudge();
    eventually("it is run and gone", async || desk.open_jobs().await == 0).await;
    stop.cancel();
    worker.await.unwrap();
    assert_eq!(desk.numbers(), [1]);
}

// JOB-1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_thousands_of_jobs_and_run_none_twice() {
    let desk = Desk::open().await;
    enqueue_all(&desk, 0..2_000).await;
    let (first, second) = (desk.letters(), desk.letters());
    let workers = [desk.work(&first), desk.work(&second)];
    eventually("all are done", async || desk.open_jobs().await == 0).await;
    for (stop, worker) in workers {
        stop.cancel();
        worker.await.unwrap();
    }
    let mut numbers = desk.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..2_000).collect::<Vec<_>>());
    assert!(desk.notes().doubled.is_empty());
}

// JOB-1
#[tokio::test]
async fn a_worker_finds_by_itself_what_a_dead_one_left() {
    let desk = Desk::open().await;
    desk.post(1).await;
    desk.claim(1).await;
    let queues = desk.letters();
    let (stop, worker) = desk.work(&queues);
    desk.advance(LEASE);
    eventually("it is run", async || desk.open_jobs().await == 0).await;
    stop.cancel();
    worker.await.unwrap();
    assert_eq!(desk.notes().runs, [(1, 2)]);
}

// JOB-1
#[tokio::test]
async fn a_long_job_is_held_by_heartbeats_and_run_once() {
    let desk = Desk::open().await;
    let lease = Duration::from_millis(300);
    let quick = || Settings { lease, ..settings() };
    let queues = |desk: &Desk| desk.queues(quick()).with(desk.handler("letter"));
    let gate = Arc::new(Semaphore::new(0));
    desk.answer(1, [Reply::Wait(Arc::clone(&gate))]);
    let id = desk.post(1).await;
    let (a, b) = (queues(&desk), queues(&desk));
    let workers = [desk.work(&a), desk.work(&b)];
    eventually("it is begun", async || !desk.numbers().is_empty()).await;
    for _ in 0..5 {
        // Each heartbeat is waited for before the clock goes on by most of a lease.
        let until = desk.find(id).await.unwrap().lease_until.unwrap();
        desk.advance(lease * 2 / 3);
        eventually("it is renewed", async || {
            desk.find(id)
                .await
                .unwrap()
                .lease_until
                .is_some_and(|renewed| renewed > until)
        })
        .await;
    }
    gate.add_permits(1);
    eventually("it is done", async || desk.open_jobs().await == 0).await;
    for (stop, worker) in workers {
        stop.cancel();
        worker.await.unwrap();
    }
    assert_eq!(desk.notes().runs, [(1, 1)]);
}

// JOB-1
#[tokio::test]
async fn a_worker_stops_what_another_has_taken_over() {
    let desk = Desk::open().await;
    let quick = Settings {
        lease: Duration::from_millis(60),
        ..sleepy()
    };
    let gate = Arc::new(Semaphore::new(0));
    desk.answer(1, [Reply::Wait(Arc::clone(&gate))]);
    desk.post(1).await;
    let queues = desk.queues(quick).with(desk.handler("letter"));
    let (stop, worker) = desk.work(&queues);
    eventually("it is begun", async || !desk.numbers().is_empty()).await;
    // As if the clock had jumped: it is reaped and taken by hand before the next heartbeat.
    sqlx::query("update job set fence = fence + 1")
        .execute(&desk.db.pool)
        .await
        .unwrap();
    eventually("the task is stopped", async || Arc::strong_count(&gate) == 1).await;
    stop.cancel();
    worker.await.unwrap();
    assert_eq!(desk.open_jobs().await, 1, "it is still the other's");
}

// JOB-2
#[tokio::test]
async fn a_kind_whose_jobs_all_hang_does_not_keep_another_waiting() {
    let desk = Desk::open().await;
    let gate = Arc::new(Semaphore::new(0));
    for n in 0..20 {
        desk.answer(n, [Reply::Wait(Arc::clone(&gate))]);
        desk.enqueue(NewJob::new(QUEUE, "slow", json!({ "n": n }), NOW))
            .await;
    }
    let queues = desk.letters().with(desk.handler("slow").concurrency(4));
    let (stop, worker) = desk.work(&queues);
    eventually("four slow ones run", async || desk.numbers().len() == 4).await;
    for n in 100..110 {
        desk.post(n).await;
    }
    eventually("the quick ones are done", async || desk.numbers().len() == 14).await;
    gate.add_permits(20);
    eventually("the slow ones are done", async || desk.open_jobs().await == 0).await;
    stop.cancel();
    worker.await.unwrap();
}

// JOB-1
#[tokio::test]
async fn a_worker_that_stops_finishes_what_runs_and_hands_back_what_does_not_end() {
    let desk = Desk::open().await;
    let (ends, hangs) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    desk.answer(1, [Reply::Wait(Arc::clone(&ends))]);
    desk.answer(2, [Reply::Wait(Arc::clone(&hangs))]);
    desk.post(1).await;
    let second = desk.post(2).await;
    let impatient = Settings {
        grace: Duration::from_millis(200),
        ..sleepy()
    };
    let queues = desk.queues(impatient).with(desk.handler("letter"));
    let (stop, worker) = desk.work(&queues);
    eventually("both run", async || desk.numbers().len() == 2).await;
    stop.cancel();
    let late = desk.post(3).await;
    ends.add_permits(1);
    worker.await.unwrap();
    assert_eq!(desk.numbers(), [1, 2], "nothing new is taken");
    let left = desk.find(second).await.unwrap();
    assert_eq!(
        (left.state, left.attempts),
        (State::Waiting, 0),
        "handed back at once, not when its lease runs out"
    );
    assert_eq!(desk.state(late).await, Some(State::Waiting));
    assert_eq!(desk.open_jobs().await, 2, "the first is done");
}

// JOB-1
#[tokio::test]
async fn an_attempt_that_takes_too_long_is_given_up_and_tried_again() {
    let desk = Desk::open().await;
    desk.answer(1, [Reply::Wait(Arc::new(Semaphore::new(0)))]);
    let id = desk.post(1).await;
    let queues = desk
        .queues(settings())
        .with(desk.handler("letter").timeout(Duration::from_millis(20)));
    queues.run_due().await.unwrap();
    let job = desk.find(id).await.unwrap();
    assert_eq!(
        (job.state, job.last_error.as_deref()),
        (State::Waiting, Some("not done within 20ms"))
    );
    assert!(job.run_at > desk.clock.now() - Duration::from_secs(1));
}
