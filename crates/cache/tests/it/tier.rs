use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
    loads: AtomicU64,
}

impl Process {
    async fn start(server: &RedisServer) -> Self {
        let clock = Arc::new(TestClock::at(OffsetDateTime::UNIX_EPOCH));
        let url = RedisUrl::parse(&server.url()).unwrap();
        let caches = Caches::new("test", LIFE, Arc::<TestClock>::clone(&clock) as _)
            .shared(&url, &TaskTracker::new(), &CancellationToken::new())
            .await;
        Self {
            cache: caches.cache("things", 1_000),
            caches,
            clock,
            loads: AtomicU64::new(0),
        }
    }

    async fn get(&self, key: u64, truth: &Truth) -> u64 {
        let load = || async {
            self.loads.fetch_add(1, Ordering::SeqCst);
            Ok::<_, ()>(Loaded::new(truth.load(Ordering::SeqCst)))
        };
        *self.cache.get_or_load(key, &[tag(key)], load).await.unwrap()
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
        let before = other.loads.load(Ordering::SeqCst);
        assert_eq!(other.get(key, &truth).await, 5);
        (other.loads.load(Ordering::SeqCst) == before).then_some(())
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
        let before = self.loads.load(Ordering::SeqCst);
        self.get(key, &truth).await;
        self.loads.load(Ordering::SeqCst) == before
    }
}

// CAT-10
#[tokio::test(flavor = "multi_thread")]
async fn killing_redis_under_load_changes_no_answer() {
    let mut server = RedisServer::start();
    let (one, other) = pair(&server).await;
    let (one, other, truth) = (Arc::new(one), Arc::new(other), Arc::new(Truth::new(1)));
    let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
    let readers = (0..8).map(|n: u64| {
        let (process, truth, stop) = (
            Arc::clone(if n.is_multiple_of(2) { &one } else { &other }),
            Arc::clone(&truth),
            stop.clone(),
        );
        tracker.spawn(async move {
            let mut reads = 0_u64;
            while !stop.is_cancelled() {
                assert_eq!(process.get(reads % 50, &truth).await, 1);
                process.clock.advance(Duration::from_millis(20));
                reads += 1;
                tokio::task::yield_now().await;
            }
            reads
        })
    });
    let readers: Vec<_> = readers.collect();
    server.kill();
    server.restart();
    shares(&one, &other).await;
    server.kill();
    stop.cancel();
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}
