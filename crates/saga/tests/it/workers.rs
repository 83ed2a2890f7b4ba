//! Workers: what they take up, and how they stop.

use std::time::Duration;

use saga::{EngineSettings, Status};
use tokio_util::sync::CancellationToken;

use crate::harness::{Gate, Office, Reply, eventually};

/// Looks only when nudged, as far as a test lasts.
fn sleepy(owner: &str) -> EngineSettings {
    EngineSettings {
        poll: Duration::from_secs(3600),
        ..EngineSettings::new(owner, "test")
    }
}

#[tokio::test]
async fn a_nudged_worker_takes_up_what_was_enqueued_and_what_was_woken() {
    let office = Office::open().await;
    let engine = office.another::<1>(sleepy("worker"));
    let stop = CancellationToken::new();
    let worker = office.tracker.spawn(engine.clone().work(stop.clone()));
    office.enqueue(1).await;
    engine.nudge();
    eventually("it parks", async || office.find(1).await.state == Status::Parked).await;
    office.pay(1).await;
    engine.nudge();
    eventually("it is done", async || office.find(1).await.state == Status::Done).await;
    stop.cancel();
    worker.await.unwrap();
}

// SAG-7
#[tokio::test]
async fn a_worker_finds_by_itself_what_a_dead_process_left() {
    let office = Office::open().await;
    let settings = EngineSettings {
        poll: Duration::from_millis(20),
        ..EngineSettings::new("worker", "test")
    };
    let lease = settings.lease;
    drop(office.start(1).await);
    let stop = CancellationToken::new();
    let worker = office
        .tracker
        .spawn(office.another::<1>(settings).work(stop.clone()));
    office.clock.advance(lease);
    eventually("it is taken up", async || {
        office.find(1).await.state == Status::Parked
    })
    .await;
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn a_worker_that_stops_finishes_its_call_and_gives_the_saga_up() {
    let office = Office::open().await;
    let engine = office.another::<1>(sleepy("worker"));
    let gate = Gate::new();
    office.world.next("run", "flight", Reply::Wait(gate.clone()));
    office.enqueue(1).await;
    let stop = CancellationToken::new();
    let worker = office.tracker.spawn(engine.work(stop.clone()));
    gate.reached().await;
    stop.cancel();
    gate.open();
    worker.await.unwrap();

    let view = office.find(1).await;
    assert_eq!(
        (view.state, view.step.as_deref()),
        (Status::Running, Some("hotel"))
    );
    assert_eq!(view.lease, None);
    // Another process goes on at once.
    assert_eq!(office.second().run_due().await.unwrap(), 1);
    assert_eq!(office.find(1).await.state, Status::Parked);
    assert_eq!(office.world.calls(), ["run flight", "run hotel", "run pay"]);
}

#[tokio::test]
async fn a_worker_drives_no_more_sagas_at_once_than_it_may() {
    let office = Office::open().await;
    let settings = EngineSettings {
        concurrency: 2,
        ..sleepy("worker")
    };
    let engine = office.another::<1>(settings);
    let gate = Gate::new();
    office.world.always("run", "flight", Reply::Wait(gate.clone()));
    for subject in 1..=3 {
        office.enqueue(subject).await;
    }
    let stop = CancellationToken::new();
    let worker = office.tracker.spawn(engine.work(stop.clone()));
    gate.reached().await;
    gate.reached().await;
    assert_eq!(office.find(3).await.lease, None);
    gate.open();
    // The third is taken up as soon as one of the two is through.
    gate.reached().await;
    gate.open();
    gate.open();
    for subject in 1..=3 {
        eventually("it parks", async || {
            office.find(subject).await.state == Status::Parked
        })
        .await;
    }
    stop.cancel();
    worker.await.unwrap();
}

// SAG-9
#[tokio::test]
async fn a_saga_is_finished_by_an_engine_of_its_own_version() {
    let office = Office::open().await;
    let newer = office.another::<2>(EngineSettings::new("newer", "test"));
    office.enqueue(1).await;
    let mut conn = office.db.pool.acquire().await.unwrap();
    assert!(newer.enqueue(&mut conn, 2, office.state(), None).await.unwrap());

    assert_eq!(newer.run_due().await.unwrap(), 1);
    assert_eq!(office.find(1).await.state, Status::Running);
    assert_eq!(office.find(2).await.state, Status::Parked);
    assert_eq!(office.find(2).await.version, 2);
    assert_eq!(office.engine.run_due().await.unwrap(), 1);
    assert_eq!(office.find(1).await.state, Status::Parked);
    // Whoever wakes a saga need not know its version.
    assert!(office.wake(2).await);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_does_not_keep_others_waiting() {
    let office = Office::open().await;
    office.enqueue(1).await;
    office.enqueue(2).await;
    office.enqueue(3).await;
    sqlx::query("update saga set step = 'train' where subject_id = 1")
        .execute(&office.db.pool)
        .await
        .unwrap();
    sqlx::query("update saga set data = '{}' where subject_id = 2")
        .execute(&office.db.pool)
        .await
        .unwrap();
    office.engine.run_due().await.unwrap();
    assert_eq!(office.find(3).await.state, Status::Parked);
    assert_eq!(office.find(2).await.state, Status::Running);
    assert_eq!(office.find(1).await.step.as_deref(), Some("train"));
}
