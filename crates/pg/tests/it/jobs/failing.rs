//! Jobs that fail, and jobs that never will succeed.

use std::time::Duration;

use pg::jobs::{self, Requeued, State};

use super::desk::{Desk, Reply};

// JOB-1
#[tokio::test]
async fn a_job_that_fails_is_tried_again_after_a_pause() {
    let desk = Desk::open().await;
    let id = desk.post(1).await;
    desk.answer(1, [Reply::Fail, Reply::Panic]);
    let queues = desk.letters();
    queues.run_due().await.unwrap();
    let job = desk.find(id).await.unwrap();
    assert_eq!((job.state, job.attempts), (State::Waiting, 1));
    assert_eq!(
        job.last_error.as_deref(),
        Some("the  line is busy"),
        "what cannot be stored is left out"
    );
    assert!(
        job.run_at <= desk.letter(0).run_at + Duration::from_secs(1),
        "full jitter: within a second"
    );
    // Full jitter may draw any pause up to the bound.
    desk.advance(Duration::from_secs(1));
    queues.run_due().await.unwrap();
    assert_eq!(
        desk.find(id).await.unwrap().last_error.as_deref(),
        Some("the job panicked")
    );
    desk.advance(Duration::from_secs(2));
    queues.run_due().await.unwrap();
    assert_eq!(desk.find(id).await, None, "done, and gone");
    assert_eq!(desk.notes().runs, [(1, 1), (1, 2), (1, 3)]);
}

// JOB-2
#[tokio::test]
async fn a_poison_job_dies_after_its_attempts_and_holds_nobody_up() {
    let desk = Desk::open().await;
    let poison = desk.enqueue(desk.letter(1).attempts(3)).await.unwrap();
    desk.answer(1, [Reply::Panic, Reply::Fail, Reply::Panic]);
    let queues = desk.letters();
    for round in 0..6 {
        desk.post(10 + round).await;
        queues.run_due().await.unwrap();
        desk.advance(Duration::from_secs(600));
    }
    let job = desk.find(poison).await.unwrap();
    assert_eq!((job.state, job.attempts), (State::Dead, 3));
    assert!(job.ended_at.is_some());
    let others = desk.numbers().into_iter().filter(|&n| n != 1).collect::<Vec<_>>();
    assert_eq!(others, [10, 11, 12, 13, 14, 15]);
    assert_eq!(desk.open_jobs().await, 0);
}

// JOB-1
#[tokio::test]
async fn a_dead_job_that_is_requeued_has_all_its_attempts_again() {
    let desk = Desk::open().await;
    let id = desk.enqueue(desk.letter(1).attempts(2)).await.unwrap();
    desk.answer(1, [Reply::Never, Reply::Fail]);
    let queues = desk.letters();
    queues.run_due().await.unwrap();
    assert_eq!(
        desk.state(id).await,
        Some(State::Dead),
        "no second attempt at what cannot succeed"
    );

    let mut conn = desk.db.pool.acquire().await.unwrap();
    let now = desk.letter(0).created_at;
    assert_eq!(jobs::requeue(&mut conn, id, now).await.unwrap(), Requeued::Yes);
    assert_eq!(
        jobs::requeue(&mut conn, id, now).await.unwrap(),
        Requeued::NotDead(State::Waiting)
    );
    assert_eq!(
        jobs::requeue(&mut conn, id + 1, now).await.unwrap(),
        Requeued::Missing
    );
    queues.run_due().await.unwrap();
    desk.advance(Duration::from_secs(1));
    queues.run_due().await.unwrap();
    assert_eq!(desk.notes().runs, [(1, 1), (1, 1), (1, 2)]);
    assert_eq!(desk.find(id).await, None);
}

// JOB-1
#[tokio::test]
async fn a_dead_job_is_not_requeued_beside_a_newer_one_with_its_key() {
    let desk = Desk::open().await;
    let id = desk.enqueue(desk.letter(1).unique("k")).await.unwrap();
    desk.answer(1, [Reply::Never]);
    desk.letters().run_due().await.unwrap();
    let newer = desk.enqueue(desk.letter(2).unique("k")).await.unwrap();
    let mut conn = desk.db.pool.acquire().await.unwrap();
    let now = desk.letter(0).created_at;
    assert_eq!(
        jobs::requeue(&mut conn, id, now).await.unwrap(),
        Requeued::KeyTaken
    );
    assert!(!jobs::discard(&mut conn, newer).await.unwrap(), "it is not dead");
    assert!(jobs::discard(&mut conn, id).await.unwrap());
    assert_eq!(desk.find(id).await, None);
}
