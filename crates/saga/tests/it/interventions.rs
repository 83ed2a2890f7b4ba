//! What a person does with sagas that are stuck: what it leads to, what is refused, and what the log says of it.

use saga::machine::{Position, Run};
use saga::{
    By, Desk, Direction, Illegal, Intervention, InterventionError, Outcome, Place, Plan, Reason, Status,
    View, intervention,
};

use crate::harness::{Office, Reply, lines};
use crate::trip::{MAX_AGE, Trip, TripStep, UNDO_MAX_AGE};

fn by() -> By {
    By {
        actor: "admin:7".to_owned(),
        note: "the airline said so on the phone".to_owned(),
        request_id: Some("request-1".to_owned()),
        network: Some("203.0.113.0/24".to_owned()),
    }
}

async fn intervene(office: &Office, subject: i64, what: Intervention) -> Result<View, InterventionError> {
    let id = office.find(subject).await.id;
    let mut conn = office.db.pool.acquire().await.unwrap();
    let now = office.world.now();
    let desk = Desk::new("test").with::<Trip>();
    desk.intervene(&mut conn, id, what, &by(), now).await
}

/// After the pivot: the ticket cannot be printed.
async fn stuck_forward(office: &Office) {
    office.world.next("run", "ticket", Reply::Refuse);
    office.go(1).await;
    office.pay(1).await;
    office.engine.run_due().await.unwrap();
    assert_eq!(office.find(1).await.state, Status::Stuck);
}

/// On the way back: the flight cannot be cancelled.
async fn stuck_undoing(office: &Office) {
    office.world.next("run", "pay", Reply::Refuse);
    office.world.always("undo", "flight", Reply::Fail);
    office.go(1).await;
    office.tire_out(UNDO_MAX_AGE).await;
    assert_eq!(office.find(1).await.state, Status::Stuck);
}

/// On the way out: the money cannot be returned.
async fn stuck_in_the_branch(office: &Office) {
    office.world.next("run", "ticket", Reply::Divert);
    office.world.always("run", "refund", Reply::Fail);
    office.go(1).await;
    office.pay(1).await;
    office.tire_out(MAX_AGE).await;
    let view = office.find(1).await;
    assert_eq!(
        (view.state, view.step.as_deref()),
        (Status::Stuck, Some("refund"))
    );
}

// SAG-8
#[test]
fn what_may_be_done_depends_on_where_it_is_stuck() {
    let now = time::macros::datetime!(2026-03-01 12:00 UTC);
    let trip = Plan::of::<TripStep>();
    let table = |plan: &Plan, place| {
        Intervention::ALL.map(|what| {
            let stuck = Run {
                position: Position::Stuck(place),
                attempt: 4,
                ..Run::new(plan, now)
            };
            intervention::intervene(plan, stuck, what, now).map(|run| run.position)
        })
    };
    let at = |place| Ok(Position::At(place));
    let (forward, undo, branch) = (Place::forward, Place::undo, Place::branch);
    // Before the pivot, at it, after it, at the last step.
    assert_eq!(
        table(&trip, forward(1)),
        [at(forward(1)), at(forward(2)), at(undo(1))]
    );
    assert_eq!(
        table(&trip, forward(2)),
        [at(forward(2)), Err(Illegal::SkipsThePivot), at(undo(2))]
    );
    assert_eq!(
        table(&trip, forward(3)),
        [at(forward(3)), at(forward(4)), at(branch(0))]
    );
    assert_eq!(
        table(&trip, forward(4)),
        [at(forward(4)), Ok(Position::Done), at(branch(0))]
    );
    // On the way back, and on the way out.
    let given_up = Err(Illegal::AlreadyAbandoned);
    assert_eq!(table(&trip, undo(1)), [at(undo(1)), at(undo(0)), given_up]);
    assert_eq!(
        table(&trip, undo(0)),
        [at(undo(0)), Ok(Position::Undone), given_up]
    );
    assert_eq!(table(&trip, branch(1)), [at(branch(1)), at(branch(2)), given_up]);
    assert_eq!(
        table(&trip, branch(2)),
        [at(branch(2)), Ok(Position::Diverted), given_up]
    );
    // A saga that can only go forward has no way out.
    let onward = Plan {
        pivot: None,
        branch: Vec::new(),
        ..trip.clone()
    };
    assert_eq!(
        table(&onward, forward(0)),
        [at(forward(0)), at(forward(1)), Err(Illegal::NoWayOut)]
    );
    // And nothing is done to one that is not stuck.
    for what in Intervention::ALL {
        let refused = intervention::intervene(&trip, Run::new(&trip, now), what, now);
        assert_eq!(refused, Err(Illegal::NotStuck));
    }
}

// SAG-8
#[tokio::test]
async fn a_retry_calls_the_step_again_with_all_its_time_before_it() {
    let office = Office::open().await;
    stuck_undoing(&office).await;
    let before = office.find(1).await;
    let view = intervene(&office, 1, Intervention::Retry).await.unwrap();
    assert_eq!(
        (view.state, view.direction.as_deref(), view.step.as_deref()),
        (Status::Running, Some("undo"), Some("flight"))
    );
    assert_eq!((view.failures, view.attempt), (0, before.attempt));
    assert_eq!(view.reason, before.reason, "why it turned back is still so");

    // It fails for a while longer, and is not stuck at once.
    office.engine.run_due().await.unwrap();
    assert_eq!(office.find(1).await.state, Status::Running);
    office.world.always("undo", "flight", Reply::Well);
    office.tire_out(std::time::Duration::from_secs(60)).await;
    assert_eq!(office.find(1).await.state, Status::Undone);
    assert!(office.standing(1).await.is_empty());
}

// SAG-8
#[tokio::test]
async fn a_skip_counts_the_step_as_done_and_goes_on_behind_it() {
    let office = Office::open().await;
    stuck_forward(&office).await;
    intervene(&office, 1, Intervention::Skip).await.unwrap();
    assert_eq!(office.engine.run_due().await.unwrap(), 1);
    let view = office.find(1).await;
    assert_eq!((view.state, view.reason), (Status::Done, None));
    assert_eq!(office.standing(1).await, ["flight", "hotel", "mail", "pay"]);
}

// SAG-8
#[tokio::test]
async fn a_skip_of_the_last_undo_ends_it_and_its_caller_still_learns_why_it_turned_back() {
    let office = Office::open().await;
    stuck_undoing(&office).await;
    let view = intervene(&office, 1, Intervention::Skip).await.unwrap();
    assert_eq!((view.state, view.step), (Status::Undone, None));
    assert!(matches!(view.reason, Some(Reason::Refused { ref step, .. }) if step == "pay"));
    assert_eq!(office.engine.run_due().await.unwrap(), 0);
    assert_eq!(
        office.standing(1).await,
        ["flight"],
        "that is what skipping means"
    );
}

// SAG-8
#[tokio::test]
async fn abandoning_before_the_pivot_takes_everything_back_and_the_step_itself_first() {
    let office = Office::open().await;
    // A step that leaves for the branch where there is a way back is a fault in the saga: stuck before the pivot.
    office.world.next("run", "hotel", Reply::LoseAnswer);
    office.world.next("run", "hotel", Reply::Divert);
    office.go(1).await;
    office.clock.advance(std::time::Duration::from_secs(1));
    office.engine.run_due().await.unwrap();
    let view = office.find(1).await;
    assert_eq!((view.state, view.step.as_deref()), (Status::Stuck, Some("hotel")));
    assert_eq!(office.standing(1).await, ["flight", "hotel"]);

    intervene(&office, 1, Intervention::Abandon).await.unwrap();
    assert_eq!(office.engine.run_due().await.unwrap(), 1);
    let view = office.find(1).await;
    assert_eq!(view.state, Status::Undone);
    assert!(matches!(view.reason, Some(Reason::Abandoned { ref step }) if step == "hotel"));
    let calls = office.world.calls();
    assert_eq!(
        calls.get(calls.len() - 2..).unwrap(),
        ["undo hotel", "undo flight"]
    );
    assert!(office.standing(1).await.is_empty());
}

// SAG-8
#[tokio::test]
async fn abandoning_after_the_pivot_refunds() {
    let office = Office::open().await;
    stuck_forward(&office).await;
    intervene(&office, 1, Intervention::Abandon).await.unwrap();
    office.engine.run_due().await.unwrap();
    assert_eq!(office.find(1).await.state, Status::Diverted);
    assert!(office.standing(1).await.contains(&"refund"));
    assert!(office.world.calls().iter().all(|call| !call.starts_with("undo")));
}

// SAG-8
#[tokio::test]
async fn a_branch_that_keeps_failing_is_stuck_and_can_be_tried_again() {
    let office = Office::open().await;
    stuck_in_the_branch(&office).await;
    let refused = intervene(&office, 1, Intervention::Abandon).await.unwrap_err();
    assert!(matches!(
        refused,
        InterventionError::Illegal {
            state: Status::Stuck,
            why: Illegal::AlreadyAbandoned,
            ref allowed,
            ..
        } if *allowed == [Intervention::Retry, Intervention::Skip]
    ));
    office.world.always("run", "refund", Reply::Well);
    intervene(&office, 1, Intervention::Retry).await.unwrap();
    office.engine.run_due().await.unwrap();
    assert_eq!(office.find(1).await.state, Status::Diverted);
}

// SAG-8
#[tokio::test]
async fn a_saga_that_is_not_stuck_is_left_alone() {
    let office = Office::open().await;
    let Outcome::Parked { .. } = office.go(1).await else {
        panic!("it waits for the money")
    };
    let before = office.find(1).await;
    for what in Intervention::ALL {
        let refused = intervene(&office, 1, what).await.unwrap_err();
        assert!(matches!(
            refused,
            InterventionError::Illegal {
                state: Status::Parked,
                why: Illegal::NotStuck,
                ..
            }
        ));
    }
    assert_eq!(office.find(1).await, before);
    let mut conn = office.db.pool.acquire().await.unwrap();
    let desk = Desk::new("test").with::<Trip>();
    let now = office.world.now();
    let nobody = desk
        .intervene(&mut conn, 4_711, Intervention::Retry, &by(), now)
        .await;
    assert!(matches!(nobody, Err(InterventionError::NoSuchSaga(4_711))));
}

// SAG-8, AUD-1
#[tokio::test]
async fn of_two_persons_at_once_one_intervenes_and_the_log_says_who_and_why() {
    let office = Office::open().await;
    stuck_forward(&office).await;
    let before = office.find(1).await;
    let tries = (0..4).map(|_| intervene(&office, 1, Intervention::Skip));
    let done = futures::future::join_all(tries).await;
    assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 1, "{done:?}");

    let view = office.find(1).await;
    assert_eq!(view.log.len(), before.log.len() + 1);
    let entry = view.log.last().unwrap();
    assert_eq!(
        (
            entry.step.as_str(),
            entry.direction.as_str(),
            entry.outcome.as_str()
        ),
        ("ticket", "forward", "skipped")
    );
    assert_eq!(entry.by, Some(by()));
    let detail = entry.detail.clone().unwrap();
    let word = |pointer| {
        detail
            .pointer(pointer)
            .and_then(|word| word.as_str().map(str::to_owned))
    };
    assert_eq!(word("/before/reason/kind").as_deref(), Some("refused"));
    assert_eq!(word("/after/step").as_deref(), Some("mail"));
    assert!(before.log.iter().all(|entry| entry.by.is_none()));
    assert!(lines(&view).starts_with(&lines(&before)));
}

// AUD-1, AUD-2
#[tokio::test]
async fn the_log_of_a_saga_can_only_be_added_to() {
    let office = Office::open().await;
    stuck_forward(&office).await;
    intervene(&office, 1, Intervention::Skip).await.unwrap();
    for change in [
        "update saga_log set actor = 'admin:8' where actor is not null",
        "delete from saga_log",
        "truncate saga_log",
    ] {
        let refused = sqlx::query(change).execute(&office.db.pool).await.unwrap_err();
        assert!(refused.to_string().contains("append only"), "{change}: {refused}");
    }
    // Nobody intervenes without a name and a reason.
    let nameless =
        "insert into saga_log (saga_id, seq, step, direction, attempt, outcome, started_at, duration_ms)
                    select id, 99, 'ticket', 'forward', 1, 'skipped', now(), 0 from saga";
    assert!(sqlx::query(nameless).execute(&office.db.pool).await.is_err());
}

// SAG-7, SAG-8: the place a saga is stuck at is nobody's any more; a process from before cannot write.
#[tokio::test]
async fn an_intervention_raises_the_fence() {
    let office = Office::open().await;
    stuck_forward(&office).await;
    let fence = async || {
        let fence: i64 = sqlx::query_scalar("select fence from saga")
            .fetch_one(&office.db.pool)
            .await
            .unwrap();
        fence
    };
    let before = fence().await;
    intervene(&office, 1, Intervention::Retry).await.unwrap();
    assert_eq!(fence().await, before + 1);
    assert_eq!(office.find(1).await.lease, None);
    assert_eq!(Direction::Forward.name(), office.find(1).await.direction.unwrap());
}
