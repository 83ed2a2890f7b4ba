//! Redis that is slow, stopped or killed while caches are in use, and processes that stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache::testing::RedisServer;
use cache::{Loaded, redis};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::eventually;
use crate::process::{LIFE, Process, Truth, pair, shares, tag};

// GW-CACHE-4
#[tokio::test]
async fn what_redis_gets_to_late_does_not_last_longer() {
    let life = Duration::from_secs(10);
    let server = RedisServer::start();
    let one = Process::keeping(&server, life).await;
    let client = redis::Client::open(server.url()).unwrap();
    let watching = client.get_multiplexed_async_connection().await.unwrap();
    // By its clock, in milliseconds.
    let time = async || {
        let mut connection = watching.clone();
        let time: (u64, u64) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
        time.0 * 1_000 + time.1 / 1_000
    };
    // It stands while the value is written to it.
    let began = AtomicU64::new(0);
    let load = || async {
        began.store(time().await, Ordering::SeqCst);
        server.stop();
        Ok::<_, ()>(Loaded::new(1))
    };
    one.cache.get_or_load(3, &[tag(3)], load).await.unwrap();
    // On the same connection, behind the value: when this is given up, so is that.
    let stopped = Instant::now();
    one.purge(4).await;
    assert!(
        stopped.elapsed() >= Duration::from_millis(150),
        "it was not silent"
    );
    server.go_on();

    let pattern = "{souk:test}:value:things:3:*";
    let ends = eventually("the value is written", async || {
        let mut connection = watching.clone();
        let found: Vec<String> = redis::cmd("KEYS")
            .arg(pattern)
            .query_async(&mut connection)
            .await
            .unwrap();
        let left: u64 = redis::cmd("PTTL")
            .arg(found.first()?)
            .query_async(&mut connection)
            .await
            .unwrap();
        Some(time().await + left)
    })
    .await;
    let life_of_it = ends - began.into_inner();
    // The clock is read a moment after the rest of the life.
    assert!(life_of_it < 10_100, "it ends after {life_of_it} ms");
}

// GW-CACHE-4
#[tokio::test]
async fn what_is_purged_while_the_service_stops_is_told_all_the_same() {
    let server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let truth = Truth::new(1);
    assert_eq!(other.get(1, &truth).await, 1);
    truth.store(2, Ordering::SeqCst);
    // A request that was taken before the signal finishes after it.
    one.stop.cancel();
    one.tracker.close();
    one.caches.purge(tag(1));
    tokio::time::timeout(Duration::from_secs(10), one.tracker.wait())
        .await
        .unwrap();
    eventually("the other process has heard", async || {
        (other.get(1, &truth).await == 2).then_some(())
    })
    .await;
}

// STK-13
#[tokio::test]
async fn whoever_asks_beside_a_purge_gets_the_answer_to_what_was_asked() {
    let server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut watching = client.get_multiplexed_async_connection().await.unwrap();
    let mut told = async |section: &str| {
        let mut info = redis::cmd("INFO");
        let info = info.arg(section).query_async::<redis::InfoDict>(&mut watching);
        info.await.unwrap()
    };
    let connections = |stats: redis::InfoDict| stats.get::<u64>("total_connections_received").unwrap();
    let before = connections(told("stats").await);
    for round in 0..20 {
        let keys = round * 100..round * 100 + 50;
        for key in keys.clone() {
            other.get(key, &Truth::new(key)).await;
        }
        let asked = keys.clone().map(async |key| {
            // Some before the purge, some while it is on its way. Its own message comes back among the answers.
            for _ in 0..key % 10 {
                tokio::task::yield_now().await;
            }
            if key % 10 == 0 {
                one.caches.purge(tag(1_000_000 + key));
            }
            one.get(key, &Truth::new(key)).await
        });
        assert_eq!(futures::future::join_all(asked).await, keys.collect::<Vec<_>>());
    }
    shares(&other, &one).await;
    assert_eq!(
        connections(told("stats").await),
        before,
        "an answer was not understood"
    );
    // From 7.2 on that would not show: neither was it sent.
    let sent = told("commandstats").await;
    let calls = |command: &str| sent.get::<String>(&format!("cmdstat_{command}"));
    assert!(calls("publish").is_some(), "nothing was purged");
    assert_eq!((calls("multi"), calls("exec")), (None, None));
}

// STK-13
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_waits_for_its_own_purges_and_for_none_that_come_later() {
    let server = RedisServer::start();
    let (one, _other) = pair(&server).await;
    let done = AtomicBool::new(false);
    let others = async {
        let mut key = 0;
        while !done.load(Ordering::SeqCst) {
            key += 1;
            one.caches.purge(tag(key % 100));
            tokio::task::yield_now().await;
        }
        key
    };
    let writer = async {
        let began = Instant::now();
        for key in 0..20 {
            one.purge(key).await;
        }
        done.store(true, Ordering::SeqCst);
        began.elapsed()
    };
    let (purged, took) = tokio::join!(others, writer);
    assert!(purged > 20);
    // A fifth of a second is the longest that one may wait.
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// Keys of which each process writes its half.
const KEYS: u64 = 50;

/// What is true of each key, and what its writer has purged.
#[derive(Default)]
struct Written {
    truth: Vec<Truth>,
    purged: Vec<AtomicU64>,
    writes: AtomicU64,
}

impl Written {
    fn key(&self, key: u64) -> (&Truth, &AtomicU64) {
        let at = usize::try_from(key).unwrap();
        (self.truth.get(at).unwrap(), self.purged.get(at).unwrap())
    }

    /// As a writer does: it commits and purges; only then whoever asks in its process must see it.
    fn write(&self, process: &Process, key: u64) {
        let (truth, purged) = self.key(key);
        let value = truth.fetch_add(1, Ordering::SeqCst) + 1;
        process.caches.purge(tag(key));
        purged.store(value, Ordering::SeqCst);
        self.writes.fetch_add(1, Ordering::SeqCst);
    }

    async fn read(&self, process: &Process, key: u64, own: bool) {
        let (truth, purged) = self.key(key);
        let least = if own { purged.load(Ordering::SeqCst) } else { 0 };
        let found = process.get(key, truth).await;
        let most = truth.load(Ordering::SeqCst);
        assert!((least..=most).contains(&found), "{found} of {least}..={most}");
    }

    /// Waits until there is more of it.
    async fn goes_on(&self) {
        let before = self.writes.load(Ordering::SeqCst);
        eventually("writers go on", async || {
            (self.writes.load(Ordering::SeqCst) > before + 100).then_some(())
        })
        .await;
    }
}

// CAT-10
#[tokio::test(flavor = "multi_thread")]
async fn killing_redis_under_load_changes_no_answer() {
    let mut server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let processes = [Arc::new(one), Arc::new(other)];
    let written = Arc::new(Written {
        truth: (0..KEYS).map(|_| Truth::new(1)).collect(),
        purged: (0..KEYS).map(|_| AtomicU64::new(1)).collect(),
        writes: AtomicU64::new(0),
    });
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let mut tasks = Vec::new();
    for (n, process) in (0..).zip(&processes) {
        for reads in [false, true, true, true] {
            let (process, written, stop) = (Arc::clone(process), Arc::clone(&written), stop.clone());
            tasks.push(tracker.spawn(async move {
                let mut key = 0;
                while !stop.is_cancelled() {
                    key = (key + 1) % KEYS;
                    let own = key % 2 == n;
                    if reads {
                        written.read(&process, key, own).await;
                    } else if own {
                        written.write(&process, key);
                        process.clock.advance(Duration::from_millis(20));
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    tokio::task::yield_now().await;
                }
            }));
        }
    }
    let [one, other] = &processes;
    written.goes_on().await;
    server.kill();
    written.goes_on().await;
    server.restart();
    shares(one, other).await;
    written.goes_on().await;
    server.kill();
    written.goes_on().await;
    stop.cancel();
    for task in tasks {
        task.await.unwrap();
    }
    // What was not told has ended.
    for process in &processes {
        process.clock.advance(LIFE);
        for key in 0..KEYS {
            let (truth, _) = written.key(key);
            assert_eq!(process.get(key, truth).await, truth.load(Ordering::SeqCst));
        }
    }
}
