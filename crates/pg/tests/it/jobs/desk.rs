//! A database, a clock that is moved by hand, and a handler that notes what it ran and answers as a test wants.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pg::jobs::{self, Failure, Handler, Job, NewJob, Queues, Settings, State, View, Wanted};
use pg::testing::TestDb;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::{Clock as _, TestClock};

use crate::harness::{NOW, database};

pub const LEASE: Duration = Duration::from_secs(15);
pub const QUEUE: &str = "post";

/// How a job answers.
pub enum Reply {
    /// It is done.
    Well,
    /// It fails and may be tried again.
    Fail,
    /// It fails for good.
    Never,
    /// It is broken.
    Panic,
    /// It is done once a permit is there.
    Wait(Arc<Semaphore>),
}

/// What was run, and how to answer.
#[derive(Default)]
pub struct Notes {
    /// The payload's number and the attempt, in order.
    pub runs: Vec<(i64, u16)>,
    pub replies: HashMap<i64, VecDeque<Reply>>,
    inside: HashSet<i64>,
    /// Numbers that two ran at the same time.
    pub doubled: HashSet<i64>,
}

pub struct Desk {
    pub db: TestDb,
    pub clock: Arc<TestClock>,
    pub tracker: TaskTracker,
    pub notes: Arc<Mutex<Notes>>,
}

impl Desk {
    pub async fn open() -> Self {
        Self {
            db: database().await,
            clock: Arc::new(TestClock::at(NOW)),
            tracker: TaskTracker::new(),
            notes: Arc::default(),
        }
    }

    pub fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn answer(&self, number: i64, replies: impl IntoIterator<Item = Reply>) {
        self.notes().replies.entry(number).or_default().extend(replies);
    }

    /// What was run, by number.
    pub fn numbers(&self) -> Vec<i64> {
        self.notes().runs.iter().map(|(number, _)| *number).collect()
    }

    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// Runs jobs of `kind` as the notes say.
    pub fn handler(&self, kind: &'static str) -> Handler {
        let notes = Arc::clone(&self.notes);
        Handler::new(QUEUE, kind, move |job: Job| {
            let notes = Arc::clone(&notes);
            async move {
                let number = job.payload.get("n").and_then(Value::as_i64).unwrap();
                let reply = {
                    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
                    notes.runs.push((number, job.attempt));
                    if !notes.inside.insert(number) {
                        notes.doubled.insert(number);
                    }
                    notes.replies.get_mut(&number).and_then(VecDeque::pop_front)
                };
                let _inside = Inside(&notes, number);
                match reply.unwrap_or(Reply::Well) {
                    Reply::Well => {
                        tokio::task::yield_now().await;
                        Ok(())
                    }
                    Reply::Fail => Err(Failure::Again("the \0 line is busy".to_owned())),
                    Reply::Never => Err(Failure::Never("there is no such number".to_owned())),
                    Reply::Panic => panic!("a job that is broken"),
                    Reply::Wait(gate) => {
                        gate.acquire().await.unwrap().forget();
                        Ok(())
                    }
                }
            }
        })
    }

    pub fn queues(&self, settings: Settings) -> Queues {
        Queues::new(
            self.db.pool.clone(),
            self.clock.clone(),
            self.tracker.clone(),
            settings,
        )
    }

    /// Queues with one kind, `letter`.
    pub fn letters(&self) -> Queues {
        self.queues(settings()).with(self.handler("letter"))
    }

    pub async fn enqueue(&self, job: NewJob<'_>) -> Option<i64> {
        let mut conn = self.db.pool.acquire().await.unwrap();
        jobs::enqueue(&mut conn, job).await.unwrap()
    }

    /// A letter with the number `number`; returns its id.
    pub async fn post(&self, number: i64) -> i64 {
        self.enqueue(self.letter(number)).await.unwrap()
    }

    pub fn letter(&self, number: i64) -> NewJob<'static> {
        NewJob::new(QUEUE, "letter", json!({ "n": number }), self.clock.now())
    }

    /// Takes up to `room` letters by hand, as a worker would.
    pub async fn claim(&self, room: usize) -> Vec<Job> {
        let wanted = [Wanted {
            queue: QUEUE,
            kind: "letter",
            room,
        }];
        jobs::claim(&self.db.pool, &wanted, self.clock.now(), LEASE)
            .await
            .unwrap()
    }

    pub async fn reap(&self) -> u64 {
        jobs::reap(&self.db.pool, &[QUEUE.to_owned()], self.clock.now())
            .await
            .unwrap()
    }

    pub async fn find(&self, id: i64) -> Option<View> {
        let mut conn = self.db.pool.acquire().await.unwrap();
        jobs::find(&mut conn, id).await.unwrap()
    }

    pub async fn state(&self, id: i64) -> Option<State> {
        self.find(id).await.map(|job| job.state)
    }

    /// How many jobs have not ended.
    pub async fn open_jobs(&self) -> i64 {
        sqlx::query_scalar("select count(*) from job where state in ('waiting', 'running')")
            .fetch_one(&self.db.pool)
            .await
            .unwrap()
    }

    /// Starts a worker; stop it with the token and wait for the handle.
    pub fn work(&self, queues: &Queues) -> (CancellationToken, tokio::task::JoinHandle<()>) {
        let stop = CancellationToken::new();
        let task = self.tracker.spawn(queues.clone().work(stop.clone()));
        (stop, task)
    }
}

struct Inside<'a>(&'a Mutex<Notes>, i64);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .inside
            .remove(&self.1);
    }
}

/// Looks and tidies often, in the machine's time.
pub fn settings() -> Settings {
    Settings {
        poll: Duration::from_millis(20),
        tidy: Duration::from_millis(20),
        ..Settings::new("test")
    }
}

/// Waits until `holds` says so; for what another task does in its own time.
pub async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let waited = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited)
        .await
        .unwrap_or_else(|_| panic!("it never came to be that {what}"));
}
