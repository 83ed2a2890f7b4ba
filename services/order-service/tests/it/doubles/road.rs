//! The road to a neighbour, on which things go wrong as a test plans it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tonic::{Response, Status};
use wire::code::Code;
use wire::rpc::Refused;

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A clear no; nothing is done.
    Refuse(Code),
    /// It never gets there.
    LoseRequest,
    /// It is done, and nobody hears of it.
    LoseAnswer,
    /// It gets there twice.
    Twice,
    /// It is given up, and gets there when the test lets it: see [`Road::arrive`].
    Late,
    /// It waits before the neighbour's door: see [`Road::waiting`] and [`Road::open`].
    Wait,
}

/// The road to a neighbour. Its clones are one road.
#[derive(Clone)]
pub struct Road {
    plans: Arc<Mutex<Plans>>,
    gate: Arc<Semaphore>,
    waiting: watch::Sender<usize>,
}

#[derive(Default)]
struct Plans {
    next: HashMap<&'static str, VecDeque<Fault>>,
    always: HashMap<&'static str, Fault>,
    calls: HashMap<(&'static str, i64), usize>,
    late: Vec<Box<dyn FnOnce() + Send>>,
}

impl Default for Road {
    fn default() -> Self {
        Self {
            plans: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            waiting: watch::Sender::new(0),
        }
    }
}

impl Road {
    /// The next call of that name goes wrong like this.
    pub fn once(&self, call: &'static str, fault: Fault) {
        self.plans().next.entry(call).or_default().push_back(fault);
    }

    /// Every call of that name goes wrong like this, or none does any more.
    pub fn always(&self, call: &'static str, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.plans().always.insert(call, fault),
            None => self.plans().always.remove(call),
        };
    }

    /// Whether all that was planned has gone wrong.
    pub fn is_clear(&self) -> bool {
        self.plans().next.values().all(VecDeque::is_empty)
    }

    /// How often that call was sent for the order, lost ones counted.
    pub fn calls(&self, call: &'static str, order: i64) -> usize {
        self.plans()
            .calls
            .get(&(call, order))
            .copied()
            .unwrap_or_default()
    }

    /// What was late gets there now; how many calls that were.
    pub fn arrive(&self) -> usize {
        let late = std::mem::take(&mut self.plans().late);
        let count = late.len();
        late.into_iter().for_each(|work| work());
        count
    }

    /// Returns once `count` calls wait before the door.
    pub async fn waiting(&self, count: usize) {
        let mut waiting = self.waiting.subscribe();
        waiting.wait_for(|n| *n >= count).await.unwrap();
    }

    /// Opens the door, for good.
    pub fn open(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    /// Takes one call down the road. `work` is what the neighbour does; it may be done more than once, or later.
    pub async fn pass<T>(
        &self,
        call: &'static str,
        order: i64,
        work: impl Fn() -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let lost = || Status::unavailable("lost on the road");
        match self.fault(call, order) {
            None => work(),
            Some(Fault::Refuse(code)) => Err(refused(code, Value::Null)),
            Some(Fault::LoseRequest) => Err(lost()),
            Some(Fault::LoseAnswer) => work().and_then(|_| Err(lost())),
            Some(Fault::Twice) => work().and_then(|_| work()),
            Some(Fault::Late) => {
                self.plans().late.push(Box::new(move || drop(work())));
                Err(lost())
            }
            Some(Fault::Wait) => {
                self.waiting.send_modify(|n| *n += 1);
                let _pass = self.gate.acquire().await.unwrap();
                work()
            }
        }
        .map(Response::new)
    }

    fn fault(&self, call: &'static str, order: i64) -> Option<Fault> {
        let mut plans = self.plans();
        *plans.calls.entry((call, order)).or_default() += 1;
        let next = plans.next.get_mut(call).and_then(VecDeque::pop_front);
        next.or_else(|| plans.always.get(call).copied())
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap()
    }
}

/// A clear no.
pub fn refused(code: Code, data: Value) -> Status {
    let detail = format!("{} in the double.", code.slug);
    Refused { code, detail, data }.into_status()
}
