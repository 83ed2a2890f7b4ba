//! A process dies, or a message is lost, at every point of every step.

use std::time::Duration;

use saga::{Direction, Fault, FaultPoint, Moment, Status};

use crate::harness::{LEASE, LONG, Office, Once, Reply, lines};

/// A way to an end that comes by every step of one direction.
struct Route {
    direction: Direction,
    steps: &'static [&'static str],
    /// What the parties say that leads there.
    replies: &'static [(&'static str, Reply)],
    end: Status,
    standing: &'static [&'static str],
}

const ROUTES: [Route; 3] = [
    Route {
        direction: Direction::Forward,
        steps: &["flight", "hotel", "pay", "ticket", "mail"],
        replies: &[],
        end: Status::Done,
        standing: &["flight", "hotel", "mail", "pay", "ticket"],
    },
    Route {
        direction: Direction::Undo,
        steps: &["hotel", "flight"],
        replies: &[("pay", Reply::Refuse)],
        end: Status::Undone,
        standing: &[],
    },
    Route {
        direction: Direction::Branch,
        steps: &["refund", "voucher", "apologise"],
        replies: &[("ticket", Reply::Divert)],
        end: Status::Diverted,
        standing: &["apologise", "flight", "hotel", "pay", "refund", "voucher"],
    },
];

// SAG-5, SAG-7: the next process ends what this one began, wherever it died.
#[tokio::test]
async fn a_process_may_die_at_every_point_of_every_step() {
    assert_eq!(sweep(Fault::Crash).await, 30);
}

// SAG-3, SAG-5
#[tokio::test]
async fn a_message_may_be_lost_at_every_point_of_every_step() {
    assert_eq!(sweep(Fault::Lose).await, 30);
}

#[tokio::test]
async fn a_step_that_is_recorded_later_is_called_again_after_a_crash_and_no_other_one_is() {
    let office = Office::open().await;
    let point = FaultPoint {
        saga: "trip",
        step: "mail",
        direction: Direction::Forward,
        moment: Moment::BeforeCall,
    };
    let first = office.engine.clone().with_faults(Once::at(point, Fault::Crash));
    let started = office.start_on(&first, 1).await.unwrap();
    office.world.pay(started.id());
    first.drive(started, LONG).await;
    let forward = [
        "forward flight succeeded",
        "forward hotel succeeded",
        "forward pay succeeded",
    ];
    assert_eq!(lines(&office.find(1).await), forward);

    office.clock.advance(LEASE);
    office.second().run_due().await.unwrap();
    let all = [
        "run flight",
        "run hotel",
        "run pay",
        "run ticket",
        "run ticket",
        "run mail",
    ];
    assert_eq!(office.world.calls(), all);
}

// SAG-1: what turns a saga is never only in memory.
#[tokio::test]
async fn a_step_that_is_recorded_later_is_recorded_at_once_where_it_does_not_lead_on() {
    let office = Office::open().await;
    office.world.always("run", "ticket", Reply::Divert);
    let point = FaultPoint {
        saga: "trip",
        step: "refund",
        direction: Direction::Branch,
        moment: Moment::BeforeCall,
    };
    let first = office.engine.clone().with_faults(Once::at(point, Fault::Crash));
    let started = office.start_on(&first, 1).await.unwrap();
    office.world.pay(started.id());
    first.drive(started, LONG).await;
    let recorded = lines(&office.find(1).await);
    assert_eq!(
        recorded.last().map(String::as_str),
        Some("forward ticket diverted")
    );
    office.clock.advance(LEASE);
    office.second().run_due().await.unwrap();
    assert_eq!(
        office
            .world
            .calls()
            .iter()
            .filter(|call| *call == "run ticket")
            .count(),
        1
    );
}

/// Runs every route with `fault` at each of its points; how many points there were.
async fn sweep(fault: Fault) -> usize {
    let office = Office::open().await;
    let mut subject = 0;
    for route in &ROUTES {
        for step in route.steps {
            for moment in Moment::ALL {
                subject += 1;
                let point = FaultPoint {
                    saga: "trip",
                    step,
                    direction: route.direction,
                    moment,
                };
                survive(&office, route, point, fault, subject).await;
            }
        }
    }
    usize::try_from(subject).unwrap()
}

async fn survive(office: &Office, route: &Route, point: FaultPoint, fault: Fault, subject: i64) {
    for (step, reply) in route.replies {
        // The no stays a no when it is asked for again.
        office.world.always("run", step, reply.clone());
    }
    let faults = Once::at(point, fault);
    let first = office.engine.clone().with_faults(faults.clone());
    let second = office.second();
    let started = office.start_on(&first, subject).await.unwrap();
    let id = started.id();
    office.world.pay(id);
    first.drive(started, LONG).await;
    assert!(faults.fired(), "{point:?} was never reached");

    if fault == Fault::Crash && !office.find(subject).await.state.is_end() {
        // Its lease protects a dead process's saga until it runs out, and not a moment longer.
        let held = office.find(subject).await.lease.is_some();
        assert!(held, "{point:?}");
        office.clock.advance(LEASE - Duration::from_millis(1));
        assert_eq!(second.run_due().await.unwrap(), 0, "{point:?}");
        office.clock.advance(Duration::from_millis(1));
    } else {
        office.clock.advance(Duration::from_secs(1));
    }
    second.run_due().await.unwrap();

    let view = office.find(subject).await;
    assert_eq!(view.state, route.end, "{point:?} {fault:?}: {view:#?}");
    assert_eq!(office.world.standing(id), route.standing, "{point:?} {fault:?}");
    assert_eq!(office.world.most_at_once(), 1);
    assert_eq!(
        view.log.iter().map(|e| e.seq).collect::<Vec<_>>(),
        (1..=entries(&view)).collect::<Vec<_>>()
    );
    for (step, _) in route.replies {
        office.world.always("run", step, Reply::Well);
    }
}

fn entries(view: &saga::View) -> u32 {
    u32::try_from(view.log.len()).unwrap()
}
