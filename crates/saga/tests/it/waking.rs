//! Parked sagas: wake-ups and deadlines.

use std::time::Duration;

use saga::{Reason, Status};
use types::Clock as _;

use crate::harness::{Gate, LONG, Office, Reply, lines};

#[tokio::test]
async fn a_wake_up_while_the_step_looks_is_not_lost() {
    let office = Office::open().await;
    let gate = Gate::new();
    // The step has seen that there is no money, and has not parked yet.
    office.world.next("run", "pay", Reply::Wait(gate.clone()));
    let started = office.start(1).await;
    let (outcome, ()) = tokio::join!(office.engine.drive(started, LONG), async {
        gate.reached().await;
        office.pay(1).await;
        gate.open();
    });
    assert!(matches!(outcome, saga::Outcome::Done { .. }), "{outcome:?}");
    let log = lines(&office.find(1).await);
    assert_eq!(
        log.get(2..4).unwrap(),
        ["forward pay parked", "forward pay succeeded"]
    );
}

#[tokio::test]
async fn a_wake_up_for_nothing_parks_the_saga_again() {
    let office = Office::open().await;
    office.go(1).await;
    assert!(office.wake(1).await);
    assert_eq!(office.engine.run_due().await.unwrap(), 1);
    let view = office.find(1).await;
    assert_eq!(view.state, Status::Parked);
    assert!(view.wake_at > office.clock.now());
    assert_eq!(office.engine.run_due().await.unwrap(), 0);
}

#[tokio::test]
async fn a_wake_up_that_is_rolled_back_wakes_nobody() {
    let office = Office::open().await;
    office.go(1).await;
    let mut tx = pg::begin(&office.db.pool).await.unwrap();
    assert!(office.engine.wake(&mut tx, 1).await.unwrap());
    assert!(
        !office.engine.wake(&mut tx, 2).await.unwrap(),
        "there is no such saga"
    );
    tx.rollback().await.unwrap();
    assert_eq!(office.engine.run_due().await.unwrap(), 0);
}

// SAG-8
#[tokio::test]
async fn a_parked_step_is_called_at_its_deadline_and_its_refusal_takes_all_back() {
    let office = Office::open().await;
    office.go(1).await;
    office.clock.advance(Duration::from_secs(899));
    assert_eq!(office.engine.run_due().await.unwrap(), 0);
    office.clock.advance(Duration::from_secs(1));
    assert_eq!(office.engine.run_due().await.unwrap(), 1);

    let view = office.find(1).await;
    assert_eq!(view.state, Status::Undone);
    assert!(matches!(view.reason, Some(Reason::Refused { ref refused, .. }) if refused.code == "unpaid"));
    assert!(office.standing(1).await.is_empty());
}

#[tokio::test]
async fn a_step_that_fails_after_a_long_wait_is_tried_for_its_whole_time() {
    let office = Office::open().await;
    office.go(1).await;
    office.clock.advance(Duration::from_secs(600));
    office.world.next("run", "pay", Reply::Fail);
    office.pay(1).await;
    office.engine.run_due().await.unwrap();
    assert_eq!(office.find(1).await.state, Status::Running);
    office.clock.advance(Duration::from_secs(1));
    office.engine.run_due().await.unwrap();
    assert_eq!(office.find(1).await.state, Status::Done);
}
