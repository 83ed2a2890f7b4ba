//! One database, a clock that is moved by hand, and parties that answer as a test wants.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pg::testing::TestDb;
use saga::{
    Engine, EngineSettings, Fault, FaultHook, FaultPoint, Key, Outcome, SagaError, Started, StepError, View,
};
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use types::{Clock, TestClock};

use crate::trip::{Trip, TripState};

pub const LEASE: Duration = Duration::from_secs(15);
/// Long enough for whatever the test does not delay itself.
pub const LONG: Duration = Duration::from_secs(30);

/// How a party answers a call.
#[derive(Clone)]
pub enum Reply {
    /// It does what it is asked.
    Well,
    /// It says no and changes nothing.
    Refuse,
    /// It was lost for good.
    Divert,
    /// It cannot be reached.
    Fail,
    /// It does what it is asked, but its answer is lost.
    LoseAnswer,
    /// The step itself is broken.
    Panic,
    /// It does what it is asked once the test lets it.
    Wait(Arc<Gate>),
}

/// Holds a call until the test opens it.
pub struct Gate {
    reached: Semaphore,
    open: Semaphore,
}

impl Gate {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            reached: Semaphore::new(0),
            open: Semaphore::new(0),
        })
    }

    pub async fn pass(&self) {
        self.reached.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }

    /// Waits until a call stands before the gate.
    pub async fn reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }

    pub fn open(&self) {
        self.open.add_permits(1);
    }
}

/// The parties that the saga calls. They keep to what the engine asks of them: a key acts once, and a key that
/// was cancelled never acts again.
pub struct World {
    clock: Arc<TestClock>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// What each key did: true while it stands, false once it is cancelled.
    bookings: BTreeMap<(i64, &'static str), bool>,
    calls: Vec<(&'static str, &'static str)>,
    keys: Vec<String>,
    traces: HashSet<Option<String>>,
    replies: HashMap<(&'static str, &'static str), VecDeque<Reply>>,
    always: HashMap<(&'static str, &'static str), Reply>,
    paid: HashSet<i64>,
    inside: HashMap<i64, usize>,
    most_inside: usize,
    /// Of each undo, whether somebody waited for the outcome.
    awaited: Vec<bool>,
}

/// A call that is under way.
pub struct Inside<'a> {
    world: &'a World,
    saga_id: i64,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        *self.world.lock().inside.get_mut(&self.saga_id).unwrap() -= 1;
    }
}

impl World {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    pub fn enter(&self, key: &Key, direction: &'static str, trace: Option<String>) -> Inside<'_> {
        let mut inner = self.lock();
        inner.calls.push((direction, key.step()));
        inner.keys.push(key.to_string());
        inner.traces.insert(trace);
        let inside = inner.inside.entry(key.saga_id()).or_default();
        *inside += 1;
        let inside = *inside;
        inner.most_inside = inner.most_inside.max(inside);
        Inside {
            world: self,
            saga_id: key.saga_id(),
        }
    }

    pub fn reply(&self, direction: &'static str, step: &'static str) -> Reply {
        let mut inner = self.lock();
        let once = inner
            .replies
            .get_mut(&(direction, step))
            .and_then(VecDeque::pop_front);
        once.or_else(|| inner.always.get(&(direction, step)).cloned())
            .unwrap_or(Reply::Well)
    }

    pub fn book(&self, key: &Key) -> Result<(), StepError> {
        if *self
            .lock()
            .bookings
            .entry((key.saga_id(), key.step()))
            .or_insert(true)
        {
            Ok(())
        } else {
            Err(StepError::refused("cancelled", serde_json::Value::Null))
        }
    }

    pub fn cancel(&self, key: &Key) {
        self.lock().bookings.insert((key.saga_id(), key.step()), false);
    }

    pub fn undone(&self, awaited: bool) {
        self.lock().awaited.push(awaited);
    }

    pub fn awaited(&self) -> Vec<bool> {
        self.lock().awaited.clone()
    }

    pub fn is_paid(&self, saga_id: i64) -> bool {
        self.lock().paid.contains(&saga_id)
    }

    /// The next call of this step is answered like this.
    pub fn next(&self, direction: &'static str, step: &'static str, reply: Reply) {
        self.lock()
            .replies
            .entry((direction, step))
            .or_default()
            .push_back(reply);
    }

    /// Every further call of this step is answered like this.
    pub fn always(&self, direction: &'static str, step: &'static str, reply: Reply) {
        self.lock().always.insert((direction, step), reply);
    }

    pub fn pay(&self, saga_id: i64) {
        self.lock().paid.insert(saga_id);
    }

    /// What stands for this saga, in alphabetical order.
    pub fn standing(&self, saga_id: i64) -> Vec<&'static str> {
        let inner = self.lock();
        let standing = inner
            .bookings
            .iter()
            .filter(|((id, _), stands)| *id == saga_id && **stands);
        standing.map(|((_, step), _)| *step).collect()
    }

    /// Every call so far, such as `run flight`.
    pub fn calls(&self) -> Vec<String> {
        self.lock()
            .calls
            .iter()
            .map(|(direction, step)| format!("{direction} {step}"))
            .collect()
    }

    pub fn keys(&self) -> Vec<String> {
        self.lock().keys.clone()
    }

    pub fn traces(&self) -> HashSet<Option<String>> {
        self.lock().traces.clone()
    }

    /// How many calls of one saga were ever under way at the same time.
    pub fn most_at_once(&self) -> usize {
        self.lock().most_inside
    }
}

/// A database, its parties and an engine.
pub struct Office {
    pub db: TestDb,
    pub clock: Arc<TestClock>,
    pub world: Arc<World>,
    pub tracker: TaskTracker,
    pub engine: Engine<Trip>,
}

impl Office {
    pub async fn open() -> Self {
        let db = TestDb::create("saga", async |pool| {
            pg::migrate_all(pool, &[(saga::HISTORY, &saga::MIGRATIONS)])
                .await
                .unwrap();
        })
        .await;
        let clock = Arc::new(TestClock::at(datetime!(2026-03-01 12:00 UTC)));
        let world = Arc::new(World {
            clock: Arc::clone(&clock),
            inner: Mutex::default(),
        });
        let tracker = TaskTracker::new();
        let saga = Trip {
            world: Arc::clone(&world),
        };
        let settings = EngineSettings {
            lease: LEASE,
            ..EngineSettings::new("first", "test")
        };
        let engine = Engine::new(saga, db.pool.clone(), clock.clone(), tracker.clone(), settings);
        Self {
            db,
            clock,
            world,
            tracker,
            engine,
        }
    }

    /// Another process over the same database.
    pub fn another<const V: u16>(&self, settings: EngineSettings) -> Engine<Trip<V>> {
        let saga = Trip {
            world: Arc::clone(&self.world),
        };
        Engine::new(
            saga,
            self.db.pool.clone(),
            self.clock.clone(),
            self.tracker.clone(),
            settings,
        )
    }

    /// A second process that works as the first one does.
    pub fn second(&self) -> Engine<Trip> {
        self.another(EngineSettings {
            lease: LEASE,
            ..EngineSettings::new("second", "test")
        })
    }

    pub fn state(&self) -> TripState {
        TripState {
            traveller: "ada".to_owned(),
            pay_until: self.clock.now() + Duration::from_secs(900),
            learnt: Vec::new(),
        }
    }

    pub async fn start_on(&self, engine: &Engine<Trip>, subject: i64) -> Result<Started<Trip>, SagaError> {
        let mut tx = pg::begin(&self.db.pool).await.unwrap();
        let started = engine
            .start(&mut tx, subject, self.state(), Some("trace-1".to_owned()))
            .await;
        tx.commit().await.unwrap();
        started
    }

    pub async fn start(&self, subject: i64) -> Started<Trip> {
        self.start_on(&self.engine, subject).await.unwrap()
    }

    /// Starts a saga and drives it as far as it goes.
    pub async fn go(&self, subject: i64) -> Outcome<TripState> {
        let started = self.start(subject).await;
        self.engine.drive(started, LONG).await
    }

    pub async fn enqueue(&self, subject: i64) {
        let mut conn = self.db.pool.acquire().await.unwrap();
        assert!(
            self.engine
                .enqueue(&mut conn, subject, self.state(), None)
                .await
                .unwrap()
        );
    }

    pub async fn wake(&self, subject: i64) -> bool {
        let mut conn = self.db.pool.acquire().await.unwrap();
        self.engine.wake(&mut conn, subject).await.unwrap()
    }

    /// The traveller pays, and the saga is told.
    pub async fn pay(&self, subject: i64) {
        self.world.pay(self.find(subject).await.id);
        assert!(self.wake(subject).await);
    }

    pub async fn find(&self, subject: i64) -> View {
        let mut conn = self.db.pool.acquire().await.unwrap();
        self.engine.find(&mut conn, subject).await.unwrap().unwrap()
    }

    /// Moves the clock past every pause between two attempts, again and again, for `total`.
    pub async fn tire_out(&self, total: Duration) {
        let step = Duration::from_secs(31);
        let mut passed = Duration::ZERO;
        while passed <= total + step {
            self.engine.run_due().await.unwrap();
            self.clock.advance(step);
            passed += step;
        }
        self.engine.run_due().await.unwrap();
    }

    /// What stands for the subject, in alphabetical order.
    pub async fn standing(&self, subject: i64) -> Vec<&'static str> {
        self.world.standing(self.find(subject).await.id)
    }
}

/// The log as `direction step outcome`.
pub fn lines(view: &View) -> Vec<String> {
    view.log
        .iter()
        .map(|e| format!("{} {} {}", e.direction, e.step, e.outcome))
        .collect()
}

/// Goes wrong once, at one point.
pub struct Once {
    point: FaultPoint,
    fault: Fault,
    fired: Mutex<bool>,
}

impl Once {
    pub fn at(point: FaultPoint, fault: Fault) -> Arc<Self> {
        Arc::new(Self {
            point,
            fault,
            fired: Mutex::new(false),
        })
    }

    pub fn fired(&self) -> bool {
        *self.fired.lock().unwrap()
    }
}

impl FaultHook for Once {
    fn at(&self, point: FaultPoint) -> Option<Fault> {
        let mut fired = self.fired.lock().unwrap();
        if *fired || point != self.point {
            return None;
        }
        *fired = true;
        Some(self.fault)
    }
}

/// Looks until `condition` holds.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it never came to this: {what}");
}
