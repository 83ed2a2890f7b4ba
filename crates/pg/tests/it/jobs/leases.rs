//! Workers that die, and workers that were thought dead.

use std::time::Duration;

use pg::jobs::{self, Ended, State, Verdict};

use super::desk::{Desk, LEASE};

// JOB-1
#[tokio::test]
async fn a_dead_workers_job_is_taken_over_once_its_lease_runs_out_and_not_before() {
    let desk = Desk::open().await;
    let id = desk.post(1).await;
    let lost = desk.claim(1).await.remove(0);
    desk.advance(LEASE - Duration::from_secs(1));
    assert_eq!(desk.letters().run_due().await.unwrap(), 0);
    desk.advance(Duration::from_secs(1));
    assert_eq!(desk.reap().await, 1);
    let taken = desk.claim(1).await.remove(0);
    assert_eq!((taken.id, taken.attempt), (id, 2));
    assert!(taken.fence > lost.fence);
}

// JOB-1
#[tokio::test]
async fn a_worker_that_comes_back_late_changes_nothing() {
    let desk = Desk::open().await;
    let id = desk.post(1).await;
    let stale = desk.claim(1).await.remove(0);
    desk.advance(LEASE);
    desk.reap().await;
    let current = desk.claim(1).await.remove(0);
    let now = stale.created_at + LEASE;
    let late = |verdict| jobs::finish(&desk.db.pool, vec![Ended::of(&stale, verdict)], now, false);
    let fail = |pause| Verdict::Again {
        pause,
        error: "late".to_owned(),
    };
    assert_eq!(late(Verdict::Done).await.unwrap(), 0);
    assert_eq!(late(fail(Duration::ZERO)).await.unwrap(), 0);
    assert_eq!(
        late(Verdict::Dead {
            error: "late".to_owned()
        })
        .await
        .unwrap(),
        0
    );
    assert_eq!(
        jobs::hand_back(&desk.db.pool, &[(id, stale.fence)])
            .await
            .unwrap(),
        0
    );
    assert!(
        jobs::renew(&desk.db.pool, &[(id, stale.fence)], now)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(desk.state(id).await, Some(State::Running));

    let done = jobs::finish(
        &desk.db.pool,
        vec![Ended::of(&current, Verdict::Done)],
        now,
        false,
    );
    assert_eq!(done.await.unwrap(), 1);
    assert_eq!(desk.find(id).await, None);
}

// JOB-1
#[tokio::test]
async fn a_renewed_lease_keeps_the_job() {
    let desk = Desk::open().await;
    let id = desk.post(1).await;
    let held = desk.claim(1).await.remove(0);
    for _ in 0..4 {
        desk.advance(LEASE / 2);
        let until = desk.letter(0).created_at + LEASE;
        assert_eq!(
            jobs::renew(&desk.db.pool, &[(id, held.fence)], until)
                .await
                .unwrap(),
            [id]
        );
        assert_eq!(desk.reap().await, 0);
    }
    desk.advance(LEASE);
    assert_eq!(desk.reap().await, 1);
}

// JOB-2
#[tokio::test]
async fn a_job_that_takes_its_process_down_each_time_dies_too() {
    let desk = Desk::open().await;
    let id = desk.enqueue(desk.letter(1).attempts(2)).await.unwrap();
    for _ in 0..2 {
        assert_eq!(desk.claim(1).await.len(), 1);
        desk.advance(LEASE);
        desk.reap().await;
    }
    let job = desk.find(id).await.unwrap();
    assert_eq!(job.state, State::Dead);
    assert_eq!(
        job.last_error.as_deref(),
        Some("its worker was lost: the lease ran out")
    );
    assert!(desk.claim(1).await.is_empty());
}

// JOB-1
#[tokio::test]
async fn what_is_handed_back_has_lost_no_attempt() {
    let desk = Desk::open().await;
    let id = desk.enqueue(desk.letter(1).attempts(1)).await.unwrap();
    let held = desk.claim(1).await.remove(0);
    assert_eq!(
        jobs::hand_back(&desk.db.pool, &[(id, held.fence)]).await.unwrap(),
        1
    );
    let again = desk.claim(1).await.remove(0);
    assert_eq!(again.attempt, 1);
    assert!(again.fence > held.fence);
}
