//! How sagas end: done, taken back, by the branch, or stuck.

use std::time::Duration;

use saga::{Outcome, Reason, SagaError, Status};

use crate::harness::{Office, Reply, lines};
use crate::trip::{MAX_AGE, UNDO_MAX_AGE};

// SAG-1
#[tokio::test]
async fn a_start_that_is_rolled_back_leaves_nothing() {
    let office = Office::open().await;
    let mut tx = pg::begin(&office.db.pool).await.unwrap();
    let started = office
        .engine
        .start(&mut tx, 7, office.state(), None)
        .await
        .unwrap();
    assert_eq!(started.subject_id(), 7);
    tx.rollback().await.unwrap();

    let mut conn = office.db.pool.acquire().await.unwrap();
    assert!(office.engine.find(&mut conn, 7).await.unwrap().is_none());
    assert_eq!(office.engine.run_due().await.unwrap(), 0);
    assert!(office.world.calls().is_empty());
}

#[tokio::test]
async fn a_subject_has_one_saga_and_a_second_start_leaves_the_transaction_usable() {
    let office = Office::open().await;
    let mut tx = pg::begin(&office.db.pool).await.unwrap();
    let first = office
        .engine
        .start(&mut tx, 7, office.state(), None)
        .await
        .unwrap();
    let second = office
        .engine
        .start(&mut tx, 7, office.state(), None)
        .await
        .unwrap_err();
    assert!(matches!(
        second,
        SagaError::AlreadyStarted {
            name: "trip",
            subject_id: 7
        }
    ));
    assert!(
        !office
            .engine
            .enqueue(&mut tx, 7, office.state(), None)
            .await
            .unwrap()
    );
    assert!(
        office
            .engine
            .enqueue(&mut tx, 8, office.state(), None)
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    assert_eq!(office.find(7).await.id, first.id());
    assert_eq!(office.find(8).await.state, Status::Running);
}

// SAG-1, SAG-2
#[tokio::test]
async fn a_saga_parks_for_the_money_and_a_wake_up_takes_it_to_its_end() {
    let office = Office::open().await;
    let Outcome::Parked { state, until } = office.go(1).await else {
        panic!("it waits for the money")
    };
    assert_eq!(until, state.pay_until);
    assert_eq!(state.learnt, ["flight", "hotel", "pay"]);
    let view = office.find(1).await;
    assert_eq!((view.state, view.step.as_deref()), (Status::Parked, Some("pay")));
    assert_eq!(view.wake_at, until);
    assert_eq!(view.lease, None);
    assert_eq!(office.engine.run_due().await.unwrap(), 0);

    office.pay(1).await;
    assert_eq!(office.engine.run_due().await.unwrap(), 1);

    let view = office.find(1).await;
    assert_eq!(view.state, Status::Done);
    assert_eq!(
        lines(&view),
        [
            "forward flight succeeded",
            "forward hotel succeeded",
            "forward pay parked",
            "forward pay succeeded",
            "forward ticket succeeded",
            "forward mail succeeded"
        ]
    );
    assert_eq!(
        office.standing(1).await,
        ["flight", "hotel", "mail", "pay", "ticket"]
    );
    let learnt = view.data.get("learnt").unwrap().as_array().unwrap().len();
    assert_eq!(learnt, 6);
}

// SAG-4
#[tokio::test]
async fn a_refusal_undoes_the_steps_before_it_the_latest_first() {
    let office = Office::open().await;
    office.world.next("run", "pay", Reply::Refuse);
    let Outcome::Undone { reason, .. } = office.go(1).await else {
        panic!("it was refused")
    };

    let Reason::Refused { step, refused } = reason else {
        panic!("the refusal is the reason")
    };
    assert_eq!((step.as_str(), refused.code.as_str()), ("pay", "full"));
    assert_eq!(
        office.world.calls(),
        ["run flight", "run hotel", "run pay", "undo hotel", "undo flight"]
    );
    assert!(office.standing(1).await.is_empty());
    assert_eq!(office.find(1).await.state, Status::Undone);
    // The money comes too late for this one.
    assert!(!office.wake(1).await);
}

// SAG-2
#[tokio::test]
async fn a_step_in_doubt_is_called_again_with_the_same_key() {
    let office = Office::open().await;
    office.world.next("run", "flight", Reply::LoseAnswer);
    office.world.next("run", "flight", Reply::Fail);
    office.world.next("run", "flight", Reply::Panic);
    let started = office.start(1).await;
    let key = format!("{}/flight", started.id());
    assert_eq!(
        office.engine.drive(started, Duration::from_secs(30)).await,
        Outcome::StillRunning
    );
    for _ in 0..3 {
        // The clock stood, so the pause was left to the workers.
        office.clock.advance(Duration::from_secs(1));
        office.engine.run_due().await.unwrap();
    }
    let view = office.find(1).await;
    assert_eq!(view.state, Status::Parked);
    assert_eq!(office.world.keys().iter().filter(|k| **k == key).count(), 4);
    let attempts: Vec<u32> = view
        .log
        .iter()
        .filter(|entry| entry.step == "flight")
        .map(|entry| entry.attempt)
        .collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    let panicked = view.log.get(2).unwrap();
    assert_eq!(
        panicked.detail.as_ref().unwrap().get("error").unwrap(),
        "the step panicked"
    );
    assert_eq!(office.standing(1).await, ["flight", "hotel"]);
}

// SAG-3: the booking was made and the answer never came.
#[tokio::test]
async fn a_step_still_in_doubt_at_its_deadline_is_undone_itself() {
    let office = Office::open().await;
    office.world.always("run", "hotel", Reply::LoseAnswer);
    office.go(1).await;
    assert_eq!(office.standing(1).await, ["flight", "hotel"]);
    office.tire_out(MAX_AGE).await;

    let view = office.find(1).await;
    assert_eq!(view.state, Status::Undone);
    assert!(
        matches!(view.reason, Some(Reason::Unresolved { ref step, .. }) if step == "hotel"),
        "{view:?}"
    );
    let calls = office.world.calls();
    assert_eq!(
        calls.get(calls.len() - 2..).unwrap(),
        ["undo hotel", "undo flight"]
    );
    assert!(office.standing(1).await.is_empty());
}

// SAG-3: a no to the second call does not say what became of the first.
#[tokio::test]
async fn a_refusal_after_a_doubt_undoes_the_step_itself_too() {
    let office = Office::open().await;
    office.world.next("run", "hotel", Reply::LoseAnswer);
    office.world.next("run", "hotel", Reply::Refuse);
    office.go(1).await;
    office.clock.advance(Duration::from_secs(1));
    office.engine.run_due().await.unwrap();

    assert_eq!(office.find(1).await.state, Status::Undone);
    assert_eq!(
        office.world.calls(),
        [
            "run flight",
            "run hotel",
            "run hotel",
            "undo hotel",
            "undo flight"
        ]
    );
    assert!(office.standing(1).await.is_empty());
}

// SAG-3
#[tokio::test]
async fn a_call_that_takes_too_long_is_in_doubt() {
    let office = Office::open().await;
    let gate = crate::harness::Gate::new();
    office.world.next("run", "mail", Reply::Wait(gate));
    office.go(1).await;
    office.pay(1).await;
    office.engine.run_due().await.unwrap();
    let view = office.find(1).await;
    assert_eq!(
        (view.state, view.step.as_deref(), view.failures),
        (Status::Running, Some("mail"), 1)
    );
    assert_eq!(lines(&view).last().unwrap(), "forward mail unknown");

    office.clock.advance(Duration::from_secs(1));
    office.engine.run_due().await.unwrap();
    assert_eq!(office.find(1).await.state, Status::Done);
}

// SAG-4
#[tokio::test]
async fn after_the_pivot_nothing_is_undone_a_refusal_is_stuck() {
    let office = Office::open().await;
    office.world.next("run", "ticket", Reply::Refuse);
    office.go(1).await;
    office.pay(1).await;
    office.engine.run_due().await.unwrap();

    let view = office.find(1).await;
    assert_eq!(
        (view.state, view.step.as_deref()),
        (Status::Stuck, Some("ticket"))
    );
    assert!(matches!(view.reason, Some(Reason::Refused { .. })));
    assert!(office.world.calls().iter().all(|call| !call.starts_with("undo")));
    assert_eq!(office.standing(1).await, ["flight", "hotel", "pay"]);
    assert_eq!(office.engine.run_due().await.unwrap(), 0);
}

// SAG-4, SAG-8
#[tokio::test]
async fn after_the_pivot_a_doubt_is_tried_until_its_deadline_and_then_stuck() {
    let office = Office::open().await;
    office.world.always("run", "ticket", Reply::Fail);
    office.go(1).await;
    office.pay(1).await;
    office.tire_out(MAX_AGE).await;

    let view = office.find(1).await;
    assert_eq!(
        (view.state, view.step.as_deref()),
        (Status::Stuck, Some("ticket"))
    );
    assert!(view.attempt >= 3, "{}", view.attempt);
    assert!(office.world.calls().iter().all(|call| !call.starts_with("undo")));
}

// SAG-6
#[tokio::test]
async fn what_was_lost_after_the_money_came_leads_through_the_branch() {
    let office = Office::open().await;
    office.world.next("run", "ticket", Reply::Divert);
    office.go(1).await;
    office.pay(1).await;
    office.engine.run_due().await.unwrap();

    let view = office.find(1).await;
    assert_eq!(view.state, Status::Diverted);
    let log = lines(&view);
    assert_eq!(
        log.get(4..).unwrap(),
        [
            "forward ticket diverted",
            "branch refund succeeded",
            "branch voucher succeeded",
            "branch apologise succeeded"
        ]
    );
}

// SAG-8
#[tokio::test]
async fn an_undo_that_keeps_failing_is_stuck_and_says_why_it_turned_back() {
    let office = Office::open().await;
    office.world.next("run", "pay", Reply::Refuse);
    office.world.always("undo", "flight", Reply::Fail);
    office.go(1).await;
    office.tire_out(MAX_AGE).await;
    assert_eq!(
        office.find(1).await.state,
        Status::Running,
        "undoing is tried for longer"
    );
    office.tire_out(UNDO_MAX_AGE).await;

    let view = office.find(1).await;
    assert_eq!(view.state, Status::Stuck);
    assert_eq!(
        (view.direction.as_deref(), view.step.as_deref()),
        (Some("undo"), Some("flight"))
    );
    assert!(matches!(view.reason, Some(Reason::Refused { ref step, .. }) if step == "pay"));
    assert_eq!(office.standing(1).await, ["flight"]);
}
