//! Processes that share a Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cache::testing::RedisServer;
use cache::{Cache, Caches, Loaded, RedisUrl, Tag};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::TestClock;

use crate::eventually;

pub const LIFE: Duration = Duration::from_millis(500);

/// What all processes load.
pub type Truth = AtomicU64;

/// A process with a cache. Its clock stands: what it keeps ends when the test says so.
pub struct Process {
    pub caches: Caches,
    pub cache: Cache<u64, u64>,
    pub clock: Arc<TestClock>,
    pub tracker: TaskTracker,
    pub stop: CancellationToken,
}

impl Process {
    pub async fn start(server: &RedisServer) -> Self {
        Self::keeping(server, LIFE).await
    }

    /// One whose entries live so long.
    pub async fn keeping(server: &RedisServer, life: Duration) -> Self {
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

    pub async fn get(&self, key: u64, truth: &Truth) -> u64 {
        self.look(key, truth).await.0
    }

    /// What it answers, and whether it has loaded that.
    pub async fn look(&self, key: u64, truth: &Truth) -> (u64, bool) {
        let loaded = AtomicBool::new(false);
        let load = || async {
            loaded.store(true, Ordering::SeqCst);
            Ok::<_, ()>(Loaded::new(truth.load(Ordering::SeqCst)))
        };
        let found = *self.cache.get_or_load(key, &[tag(key)], load).await.unwrap();
        (found, loaded.into_inner())
    }

    /// As a writer does after its commit.
    pub async fn purge(&self, key: u64) {
        self.caches.purge(tag(key));
        self.caches.settled().await;
    }
}

pub fn tag(key: u64) -> Tag {
    Tag::of("thing", key)
}

/// Waits until what `one` loads `other` finds without loading.
pub async fn shares(one: &Process, other: &Process) {
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

pub async fn pair(server: &RedisServer) -> (Process, Process) {
    let (one, other) = (Process::start(server).await, Process::start(server).await);
    shares(&one, &other).await;
    shares(&other, &one).await;
    (one, other)
}

impl Process {
    /// Whether it now finds in Redis what `other` loads.
    pub async fn caches_share(&self, other: &Self) -> bool {
        static KEYS: AtomicU64 = AtomicU64::new(2_000_000);
        let (key, truth) = (KEYS.fetch_add(1, Ordering::SeqCst), Truth::new(7));
        other.get(key, &truth).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.look(key, &truth).await == (7, false)
    }
}
