//! Work that is asked for at the same time and done together, in shared statements and one commit. A commit waits for the
//! disk, and each statement costs what it costs before it touches a row; here whoever comes while a batch is under way
//! shares the next one. Nobody waits for a batch to fill.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::task::TaskTracker;

/// The most asks of one batch: enough to share a commit, few enough that none waits long for the others.
const MOST: usize = 128;

/// The most asks of failed batches that are tried alone at a time: each of them wants a connection.
const ALONE: usize = 8;

/// Work that can be done for many at once.
pub trait Together: Sized + Send + Sync + 'static {
    /// What it is called in metrics.
    const NAME: &'static str;
    /// What is asked for.
    type Ask: Send + Sync + 'static;
    /// What is answered.
    type Answer: Send + 'static;
    /// Why it is not done.
    type Error: std::fmt::Display + Send + 'static;

    /// What the ask is about: of two about the same, one waits for the next batch. `None` gets along with all others.
    /// Two batches may be under way at the same time, as in two processes: what one of them locks, the other waits for.
    fn subject(ask: &Self::Ask) -> Option<i64>;

    /// Does what is asked, all of it committed at the end; the answers are in the order of the asks. An error is all of
    /// theirs: nothing was done for any of them, or what was may be done again.
    fn together(
        &self,
        asks: &[Self::Ask],
    ) -> impl Future<Output = Result<Vec<Reply<Self>>, Self::Error>> + Send;

    /// The error of an ask that got no answer: the work panicked.
    fn unanswered() -> Self::Error;
}

/// Gathers asks. Cheap to clone; the clones share one queue.
pub struct Fold<W: Together>(Arc<Inner<W>>);

struct Inner<W: Together> {
    work: W,
    tracker: TaskTracker,
    queue: Mutex<Queue<W>>,
    alone: Semaphore,
}

struct Queue<W: Together> {
    waiting: VecDeque<Waiting<W>>,
    /// Whether a task serves the queue.
    served: bool,
}

/// What an ask gets.
pub type Reply<W> = Result<<W as Together>::Answer, <W as Together>::Error>;
type Waiting<W> = (<W as Together>::Ask, oneshot::Sender<Reply<W>>);

impl<W: Together> Clone for Fold<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Together> std::fmt::Debug for Fold<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fold")
            .field("work", &W::NAME)
            .finish_non_exhaustive()
    }
}

impl<W: Together> Fold<W> {
    /// Gathers asks for `work`, which is done by tasks of `tracker`.
    #[must_use]
    pub fn new(work: W, tracker: TaskTracker) -> Self {
        metrics::describe_histogram!(
            "folded_per_commit",
            metrics::Unit::Count,
            "Pieces of work that shared one statement and one commit, by what they do."
        );
        let queue = Mutex::new(Queue {
            waiting: VecDeque::new(),
            served: false,
        });
        Self(Arc::new(Inner {
            work,
            tracker,
            queue,
            alone: Semaphore::new(ALONE),
        }))
    }

    /// Does what is asked, together with whatever else is asked meanwhile. Goes on if the caller does not wait for it.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn ask(&self, ask: W::Ask) -> Reply<W> {
        let (answer, answered) = oneshot::channel();
        let begin = self.queue(|queue| {
            queue.waiting.push_back((ask, answer));
            !std::mem::replace(&mut queue.served, true)
        });
        if begin {
            self.0.tracker.spawn(self.clone().serve());
        }
        answered.await.unwrap_or_else(|_| Err(W::unanswered()))
    }

    /// Serves the queue until it is empty.
    async fn serve(self) {
        let _served = Served(&self);
        while let Some((asks, answers)) = self.queue(next_batch) {
            match committed(&self.0.work, &asks).await {
                Ok(done) => answers.into_iter().zip(done).for_each(reply::<W>),
                Err(error) if asks.len() <= 1 => answers.into_iter().zip([Err(error)]).for_each(reply::<W>),
                Err(error) => {
                    tell_failed::<W>(&error);
                    for (ask, waiting) in asks.into_iter().zip(answers) {
                        self.0.tracker.spawn(self.clone().serve_alone(ask, waiting));
                    }
                }
            }
        }
    }

    /// Serves one of a batch that failed, while the next ones go on: one that waits for long, say for a row that somebody
    /// keeps, is not for the others to bear.
    async fn serve_alone(self, ask: W::Ask, waiting: oneshot::Sender<Reply<W>>) {
        // Never closed.
        let _turn = self.0.alone.acquire().await;
        reply::<W>((waiting, alone(&self.0.work, &ask).await));
    }

    fn queue<T>(&self, with: impl FnOnce(&mut Queue<W>) -> T) -> T {
        with(&mut self.0.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Does what is asked, of which no two are about the same: together, or, if that fails, one by one. The answers are in
/// the order of the asks.
pub async fn all<W: Together>(work: &W, asks: &[W::Ask]) -> Vec<Reply<W>> {
    match committed(work, asks).await {
        Ok(answers) => answers,
        Err(error) if asks.len() <= 1 => vec![Err(error)],
        // What one of them brought about is not for the others to bear.
        Err(error) => {
            tell_failed::<W>(&error);
            join_all(asks.iter().map(|ask| alone(work, ask))).await
        }
    }
}

fn tell_failed<W: Together>(error: &W::Error) {
    tracing::debug!(what = W::NAME, %error, "a batch failed; its asks are tried one by one");
}

fn reply<W: Together>((waiting, answer): (oneshot::Sender<Reply<W>>, Reply<W>)) {
    // Who has gone away will ask again, or look.
    drop(waiting.send(answer));
}

async fn alone<W: Together>(work: &W, ask: &W::Ask) -> Reply<W> {
    let answer = committed(work, std::slice::from_ref(ask)).await?.pop();
    answer.unwrap_or_else(|| Err(W::unanswered()))
}

/// Does the work, and shows how much of it shared the commit.
async fn committed<W: Together>(work: &W, asks: &[W::Ask]) -> Result<Vec<Reply<W>>, W::Error> {
    let answers = work.together(asks).await?;
    metrics::histogram!("folded_per_commit", "what" => W::NAME).record(size(asks.len()));
    Ok(answers)
}

/// After a panic too the next caller may begin.
struct Served<'a, W: Together>(&'a Fold<W>);

impl<W: Together> Drop for Served<'_, W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.queue(|queue| queue.served = false);
        }
    }
}

type Batch<W> = (Vec<<W as Together>::Ask>, Vec<oneshot::Sender<Reply<W>>>);

/// The next asks, one per subject; `None` leaves the queue unserved.
fn next_batch<W: Together>(queue: &mut Queue<W>) -> Option<Batch<W>> {
    let (mut asks, mut answers) = (Vec::new(), Vec::new());
    let (mut subjects, mut later) = (HashSet::new(), VecDeque::new());
    while let Some((ask, answer)) = queue.waiting.pop_front() {
        if asks.len() < MOST && W::subject(&ask).is_none_or(|subject| subjects.insert(subject)) {
            asks.push(ask);
            answers.push(answer);
        } else {
            later.push_back((ask, answer));
        }
    }
    queue.waiting = later;
    queue.served = !asks.is_empty();
    queue.served.then_some((asks, answers))
}

fn size(count: usize) -> f64 {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}
