//! Jobs that the clock enqueues.

use std::time::Duration;

use futures::future::join_all;
use pg::jobs::{self, Every, Schedule};
use serde_json::json;
use types::Clock as _;

use super::desk::{Desk, QUEUE, settings};

fn hourly() -> Schedule {
    Schedule {
        name: "sweep",
        every: Every::At("0 * * * *".parse().unwrap()),
        queue: QUEUE,
        kind: "letter",
        payload: json!({ "n": 1 }),
    }
}

const HOUR: Duration = Duration::from_secs(3600);

// JOB-1
#[tokio::test]
async fn each_time_is_enqueued_once_and_missed_times_once_together() {
    let desk = Desk::open().await;
    let queues = desk.letters().every(hourly());
    assert_eq!(
        queues.run_due().await.unwrap(),
        0,
        "the next full hour is the first"
    );
    desk.advance(HOUR);
    assert_eq!(queues.run_due().await.unwrap(), 1);
    assert_eq!(queues.run_due().await.unwrap(), 0);
    // Nobody ran for a while.
    desk.advance(HOUR * 5 + HOUR / 2);
    assert_eq!(queues.run_due().await.unwrap(), 1);
    desk.advance(HOUR / 2 - Duration::from_secs(1));
    assert_eq!(queues.run_due().await.unwrap(), 0);
    desk.advance(Duration::from_secs(1));
    assert_eq!(queues.run_due().await.unwrap(), 1);
}

// JOB-1
#[tokio::test]
async fn many_leaders_at_once_enqueue_one_job() {
    let desk = Desk::open().await;
    // Nobody handles it, so that a second run would be seen by its own row and not by its key.
    let schedules = [Schedule {
        kind: "unhandled",
        ..hourly()
    }];
    desk.letters()
        .every(schedules[0].clone())
        .run_due()
        .await
        .unwrap();
    for round in 1..=5 {
        desk.advance(HOUR);
        let now = desk.clock.now();
        let fired: Vec<usize> = join_all((0..8).map(|_| jobs::tick(&desk.db.pool, &schedules, now)))
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(fired.iter().sum::<usize>(), 1, "round {round}");
        sqlx::query("delete from job")
            .execute(&desk.db.pool)
            .await
            .unwrap();
    }
}

// JOB-1
#[tokio::test]
async fn a_leader_that_dies_before_its_commit_leaves_the_time_to_another() {
    let desk = Desk::open().await;
    let schedules = [hourly()];
    desk.letters().every(hourly()).run_due().await.unwrap();
    desk.advance(HOUR);
    let now = desk.clock.now();
    // The leader holds the row and has written its job when it dies.
    let mut dying = pg::begin(&desk.db.pool).await.unwrap();
    sqlx::query("update job_schedule set next_at = next_at + interval '1 hour'")
        .execute(&mut *dying)
        .await
        .unwrap();
    jobs::enqueue(&mut dying, desk.letter(9).unique("schedule/sweep"))
        .await
        .unwrap();
    let other = jobs::tick(&desk.db.pool, &schedules, now);
    let died = async { dying.rollback().await.unwrap() };
    let (fired, ()) = tokio::join!(other, died);
    assert_eq!(fired.unwrap(), 1);
    assert_eq!(desk.open_jobs().await, 1);
    assert_eq!(jobs::tick(&desk.db.pool, &schedules, now).await.unwrap(), 0);
}

// JOB-1
#[tokio::test]
async fn a_run_that_has_not_ended_is_not_joined_by_another() {
    let desk = Desk::open().await;
    let schedules = [hourly()];
    desk.letters().every(hourly()).run_due().await.unwrap();
    for _ in 0..3 {
        desk.advance(HOUR);
        jobs::tick(&desk.db.pool, &schedules, desk.clock.now())
            .await
            .unwrap();
    }
    assert_eq!(desk.open_jobs().await, 1);
}

// JOB-1
#[tokio::test]
async fn a_schedule_that_is_changed_starts_anew_and_one_that_is_not_keeps_its_time() {
    let desk = Desk::open().await;
    let every = |seconds| Schedule {
        every: Every::Interval(Duration::from_secs(seconds)),
        ..hourly()
    };
    let run = async |seconds| {
        desk.queues(settings())
            .with(desk.handler("letter"))
            .every(every(seconds))
            .run_due()
            .await
            .unwrap()
    };
    assert_eq!(run(100).await, 0);
    desk.advance(Duration::from_secs(60));
    assert_eq!(run(100).await, 0);
    desk.advance(Duration::from_secs(40));
    assert_eq!(run(100).await, 1, "a second process did not put it off");
    assert_eq!(run(10).await, 0);
    desk.advance(Duration::from_secs(10));
    assert_eq!(run(10).await, 1);
    // An interval keeps its beat: 25 s later, two were missed and the next is 5 s away.
    desk.advance(Duration::from_secs(25));
    assert_eq!(run(10).await, 1);
    desk.advance(Duration::from_secs(5));
    assert_eq!(run(10).await, 1);
}
