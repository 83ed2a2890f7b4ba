//! One driver at a time: leases, fencing tokens, and processes that wake up too late.

use std::time::Duration;

use saga::{EngineSettings, Outcome, Status};
use tokio_util::sync::CancellationToken;

use crate::harness::{Gate, LEASE, LONG, Office, Reply, eventually, lines};

// SAG-7
#[tokio::test]
async fn a_driver_that_lost_its_lease_can_no_longer_write() {
    let office = Office::open().await;
    let gate = Gate::new();
    office.world.next("run", "hotel", Reply::Wait(gate.clone()));
    let started = office.start(1).await;
    let first = tokio::join!(office.engine.drive(started, LONG), async {
        gate.reached().await;
        // The process stands still for longer than its lease; another one takes over and waits for the money.
        office.clock.advance(LEASE);
        assert_eq!(office.second().run_due().await.unwrap(), 1);
        gate.open();
    });
    assert_eq!(first.0, Outcome::StillRunning);

    let view = office.find(1).await;
    assert_eq!((view.state, view.step.as_deref()), (Status::Parked, Some("pay")));
    let log = [
        "forward flight succeeded",
        "forward hotel succeeded",
        "forward pay parked",
    ];
    assert_eq!(lines(&view), log, "the loser wrote nothing");
    assert_eq!(
        view.log.get(1).unwrap().attempt,
        2,
        "the winner's call was the second"
    );
    assert_eq!(office.standing(1).await, ["flight", "hotel"]);
}

#[tokio::test]
async fn a_saga_is_held_as_long_as_its_step_runs() {
    let office = Office::open().await;
    let lease = Duration::from_millis(300);
    let engine = office.another::<1>(EngineSettings {
        lease,
        ..EngineSettings::new("third", "test")
    });
    let gate = Gate::new();
    office.world.next("run", "flight", Reply::Wait(gate.clone()));
    let started = office.start_on(&engine, 1).await.unwrap();
    let (outcome, ()) = tokio::join!(engine.drive(started, LONG), async {
        gate.reached().await;
        for _ in 0..3 {
            let (_, before) = office.find(1).await.lease.unwrap();
            office.clock.advance(lease * 2 / 3);
            eventually("the lease is renewed", async || {
                office.find(1).await.lease.unwrap().1 > before
            })
            .await;
        }
        assert_eq!(office.second().run_due().await.unwrap(), 0);
        gate.open();
    });
    assert!(matches!(outcome, Outcome::Parked { .. }));
}

#[tokio::test]
async fn a_call_ends_when_its_driver_learns_that_the_saga_was_taken_over() {
    let office = Office::open().await;
    let lease = Duration::from_millis(60);
    let engine = office.another::<1>(EngineSettings {
        lease,
        ..EngineSettings::new("third", "test")
    });
    let gate = Gate::new();
    office.world.next("run", "flight", Reply::Wait(gate.clone()));
    let started = office.start_on(&engine, 1).await.unwrap();
    let (outcome, ()) = tokio::join!(engine.drive(started, LONG), async {
        gate.reached().await;
        eventually("another process takes over", async || {
            office.clock.advance(lease);
            office.second().run_due().await.unwrap() == 1
        })
        .await;
    });
    // The gate never opened.
    assert_eq!(outcome, Outcome::StillRunning);
    assert_eq!(office.find(1).await.state, Status::Parked);
}

// SAG-7: both ask for the same thing at the same time, and of one process.
#[tokio::test]
async fn a_driver_that_was_overtaken_learns_it_even_if_it_saves_together_with_the_next_one() {
    let office = Office::open().await;
    let gate = Gate::new();
    for _ in 0..2 {
        office.world.next("run", "flight", Reply::Wait(gate.clone()));
    }
    let started = office.start(1).await;
    let stop = CancellationToken::new();
    let worker = office.tracker.spawn(office.engine.clone().work(stop.clone()));
    let (outcome, ()) = tokio::join!(office.engine.drive(started, LONG), async {
        gate.reached().await;
        office.clock.advance(LEASE);
        office.engine.nudge();
        gate.reached().await;
        gate.open();
        gate.open();
    });
    assert_eq!(outcome, Outcome::StillRunning);
    eventually("it parks", async || office.find(1).await.state == Status::Parked).await;
    stop.cancel();
    worker.await.unwrap();
    assert_eq!(
        office.world.calls(),
        ["run flight", "run flight", "run hotel", "run pay"]
    );
    assert_eq!(
        lines(&office.find(1).await),
        [
            "forward flight succeeded",
            "forward hotel succeeded",
            "forward pay parked"
        ]
    );
}

// SAG-7
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_processes_never_run_one_saga_at_once() {
    let office = Office::open().await;
    for subject in 1..=40 {
        office.enqueue(subject).await;
        office.world.pay(office.find(subject).await.id);
    }
    let workers = (0..4).map(|n| {
        let settings = EngineSettings {
            concurrency: 3,
            ..EngineSettings::new(format!("w{n}"), "test")
        };
        let engine = office.another::<1>(settings);
        office
            .tracker
            .spawn(async move { engine.run_due().await.unwrap() })
    });
    let taken: Vec<usize> = futures::future::join_all(workers)
        .await
        .into_iter()
        .map(|taken| taken.unwrap())
        .collect();

    assert_eq!(taken.iter().sum::<usize>(), 40, "{taken:?}");
    assert_eq!(office.world.most_at_once(), 1);
    assert_eq!(office.world.calls().len(), 40 * 5, "every step ran once");
    for subject in 1..=40 {
        assert_eq!(office.find(subject).await.state, Status::Done);
    }
}
