//! Folds holds that are asked for at the same time into shared statements and commits. A commit waits for the disk,
//! and orders of one product wait for each other's commit: alone, a product that everybody wants sells as fast as the
//! disk turns. Here whoever comes while a commit is under way shares the next one.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::hold::{Answer, Shelves, hold_all};
use crate::NAME;
use crate::error::ProductError;
use crate::store::holds::Wish;

/// The most holds of one statement: enough to share a commit, few enough that none waits long for the others.
const MOST: usize = 128;

/// Takes holds. Cheap to clone.
#[derive(Clone)]
pub struct Holds(Arc<Inner>);

struct Inner {
    shelves: Shelves,
    tracker: TaskTracker,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Wish, oneshot::Sender<Answer>)>,
    /// Whether a task serves the queue.
    served: bool,
}

impl Holds {
    /// Takes holds of what is on `shelves`, by tasks of `tracker`.
    #[must_use]
    pub fn new(shelves: Shelves, tracker: TaskTracker) -> Self {
        Self(Arc::new(Inner {
            shelves,
            tracker,
            queue: Mutex::default(),
        }))
    }

    /// Holds all lines for the order or none; answers with when that ends. Goes on if the caller does not wait for it.
    pub async fn hold(&self, wish: Wish) -> Answer {
        let (answer, answered) = oneshot::channel();
        let begin = self.queue(|queue| {
            queue.waiting.push_back((wish, answer));
            !std::mem::replace(&mut queue.served, true)
        });
        if begin {
            self.0.tracker.spawn(self.clone().serve());
        }
        answered
            .await
            .unwrap_or(Err(ProductError::Corrupt("batch of holds")))
    }

    /// Serves the queue until it is empty.
    async fn serve(self) {
        let _served = Served(&self);
        while let Some((wishes, answers)) = self.queue(next_batch) {
            metrics::histogram!("stock_holds_per_commit", "service" => NAME).record(size(&wishes));
            let done = hold_all(&self.0.shelves, &wishes).await;
            for (waiting, answer) in answers.into_iter().zip(done) {
                // Who has gone away will ask again, and is told the same.
                drop(waiting.send(answer));
            }
        }
    }

    fn queue<T>(&self, with: impl FnOnce(&mut Queue) -> T) -> T {
        with(&mut self.0.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// After a panic too the next caller may begin.
struct Served<'a>(&'a Holds);

impl Drop for Served<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.queue(|queue| queue.served = false);
        }
    }
}

type Batch = (Vec<Wish>, Vec<oneshot::Sender<Answer>>);

/// The next wishes, one per order; `None` leaves the queue unserved.
fn next_batch(queue: &mut Queue) -> Option<Batch> {
    let (mut wishes, mut answers) = (Vec::new(), Vec::new());
    let (mut orders, mut later) = (HashSet::new(), VecDeque::new());
    while let Some((wish, answer)) = queue.waiting.pop_front() {
        if wishes.len() < MOST && orders.insert(wish.order) {
            wishes.push(wish);
            answers.push(answer);
        } else {
            later.push_back((wish, answer));
        }
    }
    queue.waiting = later;
    queue.served = !wishes.is_empty();
    queue.served.then_some((wishes, answers))
}

fn size(wishes: &[Wish]) -> f64 {
    u32::try_from(wishes.len()).unwrap_or(u32::MAX).into()
}
