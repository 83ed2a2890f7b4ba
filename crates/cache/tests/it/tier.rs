use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache::testing::RedisServer;
use cache::{Cache, Caches, Loaded, RedisUrl, Tag, redis};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::TestClock;

use crate::eventually;

const LIFE: Duration = Duration::from_millis(500);

/// What all processes load.
type Truth = AtomicU64;

/// A process with a cache. Its clock stands: what it keeps ends when the test says so.
struct Process {
    caches: Caches,
    cache: Cache<u64, u64>,
    clock: Arc<TestClock>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Process {
    async fn start(server: &RedisServer) -> Self {
        Self::keeping(server, LIFE).await
    }

    /// One whose entries live so long.
    async fn keeping(server: &RedisServer, life: Duration) -> Self {
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let clock = Arc::new(TestClock::at(OffsetDateTime::UNIX_EPOCH));
        let url = RedisUrl::parse(&server.url()).unwrap();
        let caches = Caches::new("test", life, Arc::<TestClock>::clone(&clock) as _)
            .shared(&url, &tracker, &stop)
            .await;
        Self {
            cache: caches.cache("things", 1_000),
            caches,
            clock,
            tracker,
            stop,
        }
    }

    async fn get(&self, key: u64, truth: &Truth) -> u64 {
        self.look(key, truth).await.0
    }

    /// What it answers, and whether it has loaded that.
    async fn look(&self, key: u64, truth: &Truth) -> (u64, bool) {
        let loaded = AtomicBool::new(false);
        let load = || async {
            loaded.store(true, Ordering::SeqCst);
            Ok::<_, ()>(Loaded::new(truth.load(Ordering::SeqCst)))
        };
        let found = *self.cache.get_or_load(key, &[tag(key)], load).await.unwrap();
        (found, loaded.into_inner())
    }

    /// As a writer does after its commit.
    async fn purge(&self, key: u64) {
        self.caches.purge(tag(key));
        self.caches.settled().await;
    }
}

fn tag(key: u64) -> Tag {
    Tag::of("thing", key)
}

/// Waits until what `one` loads `other` finds without loading.
async fn shares(one: &Process, other: &Process) {
    static KEYS: AtomicU64 = AtomicU64::new(1_000_000);
    let truth = Truth::new(5);
    eventually("the second tier is shared", async || {
        let key = KEYS.fetch_add(1, Ordering::SeqCst);
        one.get(key, &truth).await;
        tokio::task::yield_now().await;
        (other.look(key, &truth).await == (5, false)).then_some(())
    })
    .await;
}

async fn pair(server: &RedisServer) -> (Process, Process) {
    let (one, other) = (Process::start(server).await, Process::start(server).await);
    shares(&one, &other).await;
    shares(&other, &one).await;
    (one, other)
}

// GW-CACHE-4
#[tokio::test]
async fn a_purge_in_one_process_drops_what_another_has_kept() {
    let server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let truth = Truth::new(1);
    assert_eq!((one.get(1, &truth).await, other.get(1, &truth).await), (1, 1));
    truth.store(2, Ordering::SeqCst);
    one.purge(1).await;
    assert_eq!(one.get(1, &truth).await, 2, "a writer reads its own write");
    // The other's clock stands, so that no time to live can have done it.
    eventually("the other process has heard", async || {
        (other.get(1, &truth).await == 2).then_some(())
    })
    .await;
}

// CAT-10
#[tokio::test]
async fn what_was_read_before_a_purge_is_not_found_by_another_process_after_it() {
    let server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let (begun, go_on) = (Notify::new(), Notify::new());
    let truth = Truth::new(1);
    // The other process reads, and is slow to write down what it read.
    let load = || async {
        let value = truth.load(Ordering::SeqCst);
        begun.notify_one();
        go_on.notified().await;
        Ok::<_, ()>(Loaded::new(value))
    };
    let tags = [tag(2)];
    let slow = other.cache.get_or_load(2, &tags, load);
    let writer = async {
        begun.notified().await;
        truth.store(2, Ordering::SeqCst);
        one.purge(2).await;
        go_on.notify_one();
        // Heard meanwhile, the purge makes it look again.
        go_on.notify_one();
    };
    let (seen, ()) = tokio::join!(slow, writer);
    seen.unwrap();
    for _ in 0..20 {
        assert_eq!(one.get(2, &truth).await, 2);
        one.clock.advance(LIFE);
        tokio::task::yield_now().await;
    }
}

// GW-CACHE-4
#[tokio::test]
async fn where_no_message_comes_the_time_to_live_is_the_bound() {
    let mut server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let truth = Truth::new(1);
    other.get(1, &truth).await;
    server.kill();
    truth.store(2, Ordering::SeqCst);
    one.purge(1).await;
    assert_eq!(one.get(1, &truth).await, 2);
    other.clock.advance(LIFE);
    assert_eq!(
        other.get(1, &truth).await,
        2,
        "nobody told it, and it went on without Redis"
    );
}

// CAT-10
#[tokio::test]
async fn a_redis_that_comes_back_with_what_was_purged_is_not_believed() {
    let mut server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let truth = Truth::new(1);
    other.get(1, &truth).await;
    // It is in Redis, and Redis on a disk.
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("SAVE")
        .query_async::<()>(&mut connection)
        .await
        .unwrap();
    truth.store(2, Ordering::SeqCst);
    one.purge(1).await;
    server.kill();
    server.restart();
    // As long as it takes until Redis is used again, and then some.
    let mut after = 0;
    eventually("the tier is shared again", async || {
        assert_eq!(one.get(1, &truth).await, 2, "what it purged does not come back");
        one.clock.advance(LIFE);
        after += u32::from(one.caches_share(&other).await);
        (after > 20).then_some(())
    })
    .await;
}

// CAT-10
#[tokio::test]
async fn a_purge_that_did_not_reach_redis_does_not_let_the_writer_read_what_is_old() {
    let server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let truth = Truth::new(1);
    other.get(1, &truth).await;
    // Only the writer is cut off: the other's value stays where it is.
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let pause = redis::cmd("CLIENT").arg("PAUSE").arg(300).arg("WRITE").to_owned();
    pause.query_async::<()>(&mut connection).await.unwrap();
    truth.store(2, Ordering::SeqCst);
    one.purge(1).await;
    let mut after = 0;
    eventually("the tier is shared again", async || {
        assert_eq!(one.get(1, &truth).await, 2);
        one.clock.advance(LIFE);
        after += u32::from(one.caches_share(&other).await);
        (after > 20).then_some(())
    })
    .await;
}

impl Process {
    /// Whether it now finds in Redis what `other` loads.
    async fn caches_share(&self, other: &Self) -> bool {
        static KEYS: AtomicU64 = AtomicU64::new(2_000_000);
        let (key, truth) = (KEYS.fetch_add(1, Ordering::SeqCst), Truth::new(7));
        other.get(key, &truth).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.look(key, &truth).await == (7, false)
    }
}

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
    let mut connections = async || {
        let mut info = redis::cmd("INFO");
        let info: redis::InfoDict = info.arg("stats").query_async(&mut watching).await.unwrap();
        info.get::<u64>("total_connections_received").unwrap()
    };
    let before = connections().await;
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
    assert_eq!(connections().await, before, "an answer was not understood");
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
