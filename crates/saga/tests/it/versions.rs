//! A new version of a definition while sagas of the old one are under way.

use std::sync::Arc;
use std::time::Duration;

use saga::{EngineSettings, Key, Policy, Progress, Saga, Status, Step as _, StepError, UndoError};
use tokio_util::sync::CancellationToken;

use crate::harness::{Gate, Office, Reply, World, eventually, lines};
use crate::trip::{Trip, TripState};

/// The journey as it is sold today: by train, and without mail.
pub struct Rail {
    world: Arc<World>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RailStep {
    Train,
    Hotel,
}

impl saga::Step for RailStep {
    const FORWARD: &'static [Self] = &[Self::Train, Self::Hotel];
    const BRANCH: &'static [Self] = &[];
    const PIVOT: Option<Self> = Some(Self::Hotel);

    fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Hotel => "hotel",
        }
    }

    fn policy(self) -> Policy {
        Policy::default()
    }
}

impl Saga for Rail {
    const NAME: &'static str = "trip";
    const VERSION: u16 = 2;
    type Step = RailStep;
    type State = TripState;

    async fn run(&self, step: RailStep, key: &Key, _: &mut TripState) -> Result<Progress, StepError> {
        let _inside = self.world.enter(key, "run", None);
        match self.world.reply("run", step.name()) {
            Reply::Well => {}
            Reply::Wait(gate) => gate.pass().await,
            _ => panic!("trains do as they are asked"),
        }
        self.world.book(key)?;
        Ok(Progress::Done)
    }

    async fn undo(&self, _: RailStep, key: &Key, _: &TripState, _awaited: bool) -> Result<(), UndoError> {
        self.world.cancel(key);
        Ok(())
    }
}

/// The process after the deployment.
fn deployed(office: &Office) -> saga::Engine<Rail> {
    saga::Engine::new(
        Rail {
            world: Arc::clone(&office.world),
        },
        office.db.pool.clone(),
        office.clock.clone(),
        office.tracker.clone(),
        EngineSettings {
            // Looks once, and when nudged.
            poll: Duration::from_secs(3600),
            ..EngineSettings::new("deployed", "test")
        },
    )
    .with_older(Trip::<1> {
        world: Arc::clone(&office.world),
    })
}

// SAG-9
#[tokio::test]
async fn what_began_under_the_version_before_is_finished_by_its_steps_beside_the_current_one() {
    let office = Office::open().await;
    office.go(1).await;
    assert_eq!(office.find(1).await.state, Status::Parked);

    let engine = deployed(&office);
    let mut conn = office.db.pool.acquire().await.unwrap();
    assert!(engine.enqueue(&mut conn, 2, office.state(), None).await.unwrap());
    assert!(
        !engine.enqueue(&mut conn, 1, office.state(), None).await.unwrap(),
        "a subject has one saga, of whichever version"
    );
    office.world.pay(office.find(1).await.id);
    assert!(engine.wake(&mut conn, 1).await.unwrap());
    assert_eq!(engine.run_due().await.unwrap(), 2);

    let (old, new) = (office.find(1).await, office.find(2).await);
    assert_eq!((old.version, old.state), (1, Status::Done));
    assert_eq!(
        lines(&old).get(3..).unwrap(),
        [
            "forward pay succeeded",
            "forward ticket succeeded",
            "forward mail succeeded"
        ]
    );
    assert_eq!((new.version, new.state), (2, Status::Done));
    assert_eq!(
        lines(&new),
        ["forward train succeeded", "forward hotel succeeded"]
    );
}

// SAG-9: one worker and one nudge are enough for all versions.
#[tokio::test]
async fn a_nudge_reaches_the_versions_of_before() {
    let office = Office::open().await;
    let engine = deployed(&office);
    let stop = CancellationToken::new();
    // The first may be what the worker finds when it begins, the second is not.
    for subject in 1..=2 {
        office.go(subject).await;
    }
    let worker = office.tracker.spawn(engine.clone().work(stop.clone()));
    for subject in 1..=2 {
        office.pay(subject).await;
        engine.nudge();
        eventually("it is done", async || {
            office.find(subject).await.state == Status::Done
        })
        .await;
    }
    stop.cancel();
    worker.await.unwrap();
}

// SAG-1
#[tokio::test]
async fn a_step_is_written_down_before_the_next_one_is_called_unless_it_may_be_later() {
    let office = Office::open().await;
    let engine = deployed(&office);
    let mut conn = office.db.pool.acquire().await.unwrap();
    assert!(engine.enqueue(&mut conn, 1, office.state(), None).await.unwrap());
    let gate = Gate::new();
    office.world.next("run", "hotel", Reply::Wait(Arc::clone(&gate)));
    let look = async {
        gate.reached().await;
        let written = lines(&office.find(1).await);
        gate.open();
        written
    };
    let (written, driven) = tokio::join!(look, engine.run_due());
    assert_eq!(
        (written, driven.unwrap()),
        (vec!["forward train succeeded".to_owned()], 1)
    );
}
