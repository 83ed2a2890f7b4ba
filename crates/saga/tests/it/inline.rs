//! Driven by the request that started it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use saga::{Engine, EngineSettings, Outcome, Status};
use tokio::sync::oneshot::error::TryRecvError;
use tokio_util::sync::CancellationToken;
use types::SystemClock;

use crate::harness::{Gate, LONG, Office, Reply};
use crate::trip::Trip;

/// Drives a new saga, and goes away when it stands at the gate.
async fn drive_and_leave(office: &Office, subject: i64, gate: &Gate) {
    let started = office.start(subject).await;
    tokio::select! {
        _ = office.engine.drive(started, LONG) => panic!("the gate is closed"),
        () = gate.reached() => {}
    }
}

#[tokio::test]
async fn a_drive_goes_on_when_its_caller_goes_away() {
    let office = Office::open().await;
    let gate = Gate::new();
    office.world.next("run", "flight", Reply::Wait(gate.clone()));
    drive_and_leave(&office, 1, &gate).await;
    gate.open();
    // Nothing is due: the drive itself goes on.
    assert_eq!(office.engine.run_due().await.unwrap(), 0);
    assert_eq!(office.find(1).await.state, Status::Parked);
    assert_eq!(office.world.calls(), ["run flight", "run hotel", "run pay"]);
}

#[tokio::test]
async fn a_drive_that_takes_longer_than_its_caller_waits_is_still_running() {
    let office = Office::open().await;
    let gate = Gate::new();
    office.world.next("run", "flight", Reply::Wait(gate.clone()));
    let started = office.start(1).await;
    let outcome = office.engine.drive(started, Duration::from_millis(20)).await;
    assert_eq!(outcome, Outcome::StillRunning);
    gate.open();
    assert_eq!(office.engine.run_due().await.unwrap(), 0);
    assert_eq!(office.find(1).await.state, Status::Parked);
}

// SAG-12
#[tokio::test]
async fn what_a_drive_keeps_is_given_back_when_it_ends_and_not_when_its_caller_goes_away() {
    let office = Office::open().await;
    let gate = Gate::new();
    office.world.next("run", "flight", Reply::Wait(gate.clone()));
    let (kept, mut given_back) = tokio::sync::oneshot::channel::<()>();
    let started = office.start(1).await.keeping(kept);
    let outcome = office.engine.drive(started, Duration::from_millis(20)).await;
    assert_eq!(outcome, Outcome::StillRunning);
    assert_eq!(given_back.try_recv(), Err(TryRecvError::Empty));
    gate.open();
    office.engine.run_due().await.unwrap();
    assert_eq!(given_back.try_recv(), Err(TryRecvError::Closed));
}

#[tokio::test]
async fn who_undoes_knows_whether_somebody_waits_for_the_outcome() {
    let office = Office::open().await;
    office.world.next("run", "hotel", Reply::Refuse);
    let outcome = office.engine.drive(office.start(1).await, LONG).await;
    assert!(matches!(outcome, Outcome::Undone { .. }), "{outcome:?}");
    assert_eq!(office.world.awaited(), [true]);

    let gate = Gate::new();
    office.world.next("run", "flight", Reply::Wait(gate.clone()));
    office.world.next("run", "hotel", Reply::Refuse);
    let started = office.start(2).await;
    let outcome = office.engine.drive(started, Duration::from_millis(20)).await;
    assert_eq!(outcome, Outcome::StillRunning);
    gate.open();
    assert_eq!(office.engine.run_due().await.unwrap(), 0);
    assert_eq!(office.find(2).await.state, Status::Undone);
    assert_eq!(office.world.awaited(), [true, false]);

    // Those who drive what was left behind have nobody who waits.
    office.world.next("run", "hotel", Reply::Refuse);
    drop(office.start(3).await);
    office.clock.advance(crate::harness::LEASE);
    office.engine.run_due().await.unwrap();
    assert_eq!(office.world.awaited(), [true, false, false]);
}

#[tokio::test]
async fn nobody_waits_for_the_outcome_once_the_caller_has_gone_away() {
    let office = Office::open().await;
    let gate = Gate::new();
    office.world.next("run", "flight", Reply::Wait(gate.clone()));
    office.world.next("run", "hotel", Reply::Refuse);
    drive_and_leave(&office, 1, &gate).await;
    gate.open();
    assert_eq!(office.engine.run_due().await.unwrap(), 0);
    assert_eq!(office.find(1).await.state, Status::Undone);
    assert_eq!(office.world.awaited(), [false]);
}

#[tokio::test]
async fn a_short_pause_between_two_attempts_is_waited_out() {
    let office = Office::open().await;
    let saga: Trip = Trip {
        world: Arc::clone(&office.world),
    };
    let settings = EngineSettings::new("real", "test");
    let clock = Arc::new(SystemClock);
    let engine = Engine::new(
        saga,
        office.db.pool.clone(),
        clock,
        office.tracker.clone(),
        settings,
    );
    office.world.next("run", "flight", Reply::Fail);
    office.world.next("run", "hotel", Reply::LoseAnswer);
    office.world.next("run", "pay", Reply::Refuse);
    let started = office.start_on(&engine, 1).await.unwrap();
    let outcome = engine.drive(started, LONG).await;
    assert!(matches!(outcome, Outcome::Undone { .. }), "{outcome:?}");
    assert!(office.standing(1).await.is_empty());
}

#[tokio::test]
async fn a_pause_beyond_the_workers_next_look_is_left_to_them() {
    let office = Office::open().await;
    let saga: Trip = Trip {
        world: Arc::clone(&office.world),
    };
    let settings = EngineSettings {
        poll: Duration::ZERO,
        ..EngineSettings::new("real", "test")
    };
    let (pool, tracker) = (office.db.pool.clone(), office.tracker.clone());
    let engine = Engine::new(saga, pool, Arc::new(SystemClock), tracker, settings);
    office.world.next("run", "flight", Reply::Fail);
    let started = office.start_on(&engine, 1).await.unwrap();
    assert_eq!(engine.drive(started, LONG).await, Outcome::StillRunning);
    assert_eq!(office.world.calls(), ["run flight"]);
    assert_eq!(office.find(1).await.lease, None);
}

#[tokio::test]
async fn the_trace_of_the_request_follows_its_saga() {
    let office = Office::open().await;
    office.go(1).await;
    office.pay(1).await;
    office.engine.run_due().await.unwrap();
    assert_eq!(office.world.calls().len(), 6);
    assert_eq!(office.world.traces(), HashSet::from([Some("trace-1".to_owned())]));
    assert_eq!(office.find(1).await.trace, "trace-1");
}

// A drive that somebody waits for is a request, and requests finish.
#[tokio::test]
async fn a_stopping_process_finishes_the_drives_that_are_waited_for_and_leaves_the_others() {
    let office = Office::open().await;
    let (waited_for, left) = (Gate::new(), Gate::new());
    office
        .world
        .next("run", "flight", Reply::Wait(waited_for.clone()));
    office.world.next("run", "flight", Reply::Wait(left.clone()));
    let (first, second) = (office.start(1).await, office.start(2).await);
    let (outcome, ()) = tokio::join!(office.engine.drive(first, LONG), async {
        waited_for.reached().await;
        tokio::select! {
            _ = office.engine.drive(second, LONG) => panic!("the gate is closed"),
            () = left.reached() => {}
        }
        let stop = CancellationToken::new();
        stop.cancel();
        office.engine.clone().work(stop).await;
        waited_for.open();
        left.open();
    });
    assert!(matches!(outcome, Outcome::Parked { .. }));
    office.tracker.close();
    office.tracker.wait().await;
    let left = office.find(2).await;
    assert_eq!(
        (left.state, left.step.as_deref()),
        (Status::Running, Some("hotel"))
    );
    assert_eq!(left.lease, None, "nobody has to wait for a lease");
}

#[tokio::test]
async fn sagas_that_are_driven_at_the_same_time_share_their_saves() {
    let office = Office::open().await;
    let go = async |subjects: std::ops::RangeInclusive<i64>| {
        let started = join_all(subjects.map(|subject| office.start(subject))).await;
        let drives = started
            .into_iter()
            .map(|started| office.engine.drive(started, LONG));
        office.db.statements(join_all(drives)).await
    };
    // Connects, and prepares.
    go(1..=1).await;
    let (outcomes, saves) = go(2..=17).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Parked { .. }))
    );
    // Three steps of each.
    assert!(saves.count() <= 16, "{saves:#?}");
}
