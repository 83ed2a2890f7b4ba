//! What is asked for at the same time is done together, and none is the worse for it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use pg::fold::{Fold, Together, all};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

/// Doubles numbers. A batch begins when it has a permit. It fails if it has a 13 in it; a 99 makes it panic. A 14 makes it
/// fail too, and is doubled alone as soon as that may end.
#[derive(Clone)]
struct Doubling {
    batches: Arc<Mutex<Vec<Vec<i64>>>>,
    permits: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

impl Doubling {
    fn new(permits: usize) -> Self {
        Self {
            batches: Arc::default(),
            permits: Arc::new(Semaphore::new(permits)),
            slow: Arc::new(Semaphore::new(0)),
        }
    }

    fn batches(&self) -> Vec<Vec<i64>> {
        self.batches.lock().unwrap().clone()
    }
}

impl Together for Doubling {
    const NAME: &'static str = "doublings";
    type Ask = i64;
    type Answer = i64;
    type Error = &'static str;

    /// Negative numbers get along with all others.
    fn subject(ask: &i64) -> Option<i64> {
        (*ask >= 0).then_some(*ask)
    }

    async fn together(&self, asks: &[i64]) -> Result<Vec<Result<i64, &'static str>>, &'static str> {
        self.batches.lock().unwrap().push(asks.to_vec());
        self.permits.acquire().await.unwrap().forget();
        assert!(!asks.contains(&99), "a fault in the work");
        if asks.contains(&13) {
            return Err("thirteen");
        }
        if asks.contains(&14) {
            if asks.len() > 1 {
                return Err("fourteen");
            }
            self.slow.acquire().await.unwrap().forget();
        }
        Ok(asks.iter().map(|n| Ok(n * 2)).collect())
    }

    fn unanswered() -> &'static str {
        "unanswered"
    }
}

/// Asks for all of these at once, while the batch of the first is still under way.
async fn asked(work: &Doubling, asks: &[i64]) -> Vec<Result<i64, &'static str>> {
    let fold = Fold::new(work.clone(), TaskTracker::new());
    let permits = async {
        while work.batches().is_empty() {
            tokio::task::yield_now().await;
        }
        work.permits.add_permits(100);
    };
    tokio::join!(join_all(asks.iter().map(|n| fold.ask(*n))), permits).0
}

#[tokio::test]
async fn who_comes_while_a_batch_is_under_way_shares_the_next_one() {
    let work = Doubling::new(0);
    let answers = asked(&work, &[1, 2, 3, 4]).await;
    assert_eq!(answers, [Ok(2), Ok(4), Ok(6), Ok(8)]);
    let batches = work.batches();
    assert!(batches.len() <= 2, "{batches:?}");
}

#[tokio::test]
async fn of_two_about_the_same_one_waits_for_the_next_batch() {
    let work = Doubling::new(0);
    assert_eq!(
        asked(&work, &[7, 7, 7, -1, -1]).await,
        [Ok(14), Ok(14), Ok(14), Ok(-2), Ok(-2)]
    );
    for batch in work.batches() {
        assert!(batch.iter().filter(|n| **n == 7).count() <= 1, "{batch:?}");
    }
}

#[tokio::test]
async fn what_one_brings_about_is_not_for_the_others_to_bear() {
    let work = Doubling::new(10);
    assert_eq!(all(&work, &[1, 13, 2]).await, [Ok(2), Err("thirteen"), Ok(4)]);
    assert_eq!(work.batches(), [vec![1, 13, 2], vec![1], vec![13], vec![2]]);
}

#[tokio::test]
async fn who_is_tried_alone_keeps_nobody_else_waiting() {
    let work = Doubling::new(0);
    let fold = Fold::new(work.clone(), TaskTracker::new());
    let others = async {
        let same_batch = join_all([1, 13, 2].map(|n| fold.ask(n))).await;
        let next_batch = fold.ask(3).await;
        work.slow.add_permits(1);
        (same_batch, next_batch)
    };
    let permits = async {
        while work.batches().is_empty() {
            tokio::task::yield_now().await;
        }
        work.permits.add_permits(100);
    };
    let all = async { tokio::join!(fold.ask(0), fold.ask(14), others, permits) };
    let all = tokio::time::timeout(Duration::from_secs(20), all).await;
    let (_, slow, (same_batch, next_batch), ()) = all.expect("everybody waits for the slow one");
    assert_eq!(same_batch, [Ok(2), Err("thirteen"), Ok(4)]);
    assert_eq!((next_batch, slow), (Ok(6), Ok(28)));
    let shared = |batch: &Vec<i64>| [14, 1, 13, 2].iter().all(|n| batch.contains(n));
    assert!(work.batches().iter().any(shared), "{:?}", work.batches());
}

#[tokio::test]
async fn after_a_panic_the_next_one_is_served() {
    let work = Doubling::new(10);
    let fold = Fold::new(work.clone(), TaskTracker::new());
    assert_eq!(fold.ask(99).await, Err("unanswered"));
    assert_eq!(fold.ask(4).await, Ok(8));
}

#[tokio::test]
async fn whoever_brings_a_batch_of_their_own_is_shown_with_those_that_were_gathered() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _reporting = metrics::set_default_local_recorder(&recorder);
    let work = Doubling::new(10);
    assert_eq!(all(&work, &[1, 2, 3]).await.len(), 3);
    assert_eq!(all(&work, &[4, 13]).await.len(), 2);
    let shown = recorder.handle().render();
    // Three at once, and one alone; what failed shared no commit.
    for line in [
        r#"folded_per_commit_sum{what="doublings"} 4"#,
        r#"folded_per_commit_count{what="doublings"} 2"#,
    ] {
        assert!(shown.contains(line), "no {line} in {shown}");
    }
}
