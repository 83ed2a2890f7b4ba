//! Caches in two tiers: in the process, and in Redis where there is one. Every entry has a time to live, counted from
//! the moment at which its load began whichever tier it comes from; there is a bound on how many there are in the
//! process; concurrent misses of one key load it once; and entries are purged by tag.
//!
//! What was purged never comes back in the process that purged it: a load that began before the purge may still be
//! under way, and what it finds is not kept, here or in Redis. So a writer who purges after its commit reads its own
//! write. Other processes hear of the purge within moments; if they do not, the time to live is the bound. ADR 0012 has
//! the reasoning.

mod link;
mod tags;
#[cfg(feature = "testing")]
pub mod testing;
mod tier;

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::{Counter, Unit};
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::Clock;

pub use link::{BadRedisUrl, NoRedis, Redis, RedisUrl};
pub use redis;
pub use tags::Tag;

use tags::Purged;
use tier::{Found, Tier};

/// How often a load is shared with others before one goes alone.
const SHARED_LOADS: usize = 3;

/// The caches of one service: they are purged together. Cheap to clone.
#[derive(Clone)]
pub struct Caches {
    service: &'static str,
    time_to_live: Duration,
    clock: Arc<dyn Clock>,
    purged: Arc<Purged>,
    tier: Option<Tier>,
}

impl Caches {
    /// Caches of `service` whose entries live for `time_to_live`, in this process alone.
    #[must_use]
    pub fn new(service: &'static str, time_to_live: Duration, clock: Arc<dyn Clock>) -> Self {
        metrics::describe_counter!(
            "cache_reads_total",
            Unit::Count,
            "Reads of a cache, by result: hit (in the process), shared (in Redis), or miss (this reader loaded the value)."
        );
        Self {
            service,
            time_to_live,
            clock,
            purged: Arc::default(),
            tier: None,
        }
    }

    /// The same, with the Redis at `url` as a second tier, shared with the service's other processes.
    pub async fn shared(self, url: &RedisUrl, tracker: &TaskTracker, stop: &CancellationToken) -> Self {
        let purged = Arc::clone(&self.purged);
        let tier = Tier::open(url, self.service, self.time_to_live, purged, tracker, stop).await;
        Self {
            tier: Some(tier),
            ..self
        }
    }

    /// The Redis of the second tier, where there is one.
    #[must_use]
    pub fn redis(&self) -> Option<&Redis> {
        self.tier.as_ref().map(Tier::redis)
    }

    /// A cache called `name` of at most `bound` entries in the process.
    #[must_use]
    pub fn cache<K, T>(&self, name: &'static str, bound: u64) -> Cache<K, T>
    where
        K: Hash + Eq + Send + Sync + 'static,
        T: Send + Sync + 'static,
    {
        let reads = |result: &'static str| metrics::counter!("cache_reads_total", "service" => self.service, "cache" => name, "result" => result);
        Cache {
            entries: moka::future::Cache::new(bound),
            of: self.clone(),
            name,
            hits: reads("hit"),
            shared: reads("shared"),
            misses: reads("miss"),
        }
    }

    /// Drops every entry that has `tag`, and those that are being loaded. Constant time; after the commit of what
    /// changed.
    pub fn purge(&self, tag: Tag) {
        // Before the entries in the process go: nobody is to fill them from Redis again.
        if let Some(tier) = &self.tier {
            tier.purge(tag);
        }
        self.purged.note(tag);
    }

    /// Returns once the purges up to now have reached Redis, or have failed to; a fifth of a second at most.
    pub async fn settled(&self) {
        if let Some(tier) = &self.tier {
            tier.settled().await;
        }
    }
}

/// A cache of `T` by `K`. Cheap to clone; all clones share their entries.
#[derive(Clone)]
pub struct Cache<K, T> {
    entries: moka::future::Cache<K, Entry<T>>,
    of: Caches,
    name: &'static str,
    hits: Counter,
    shared: Counter,
    misses: Counter,
}

struct Entry<T> {
    value: Arc<T>,
    tags: Arc<[Tag]>,
    /// How many purges there had been when its load began.
    loaded_after: u64,
    until: OffsetDateTime,
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            tags: Arc::clone(&self.tags),
            ..*self
        }
    }
}

/// What a load found.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    value: T,
    at_most: Option<Duration>,
}

impl<T> Loaded<T> {
    /// Kept for the cache's time to live.
    pub fn new(value: T) -> Self {
        Self { value, at_most: None }
    }

    /// Kept for `time` if that is shorter: for what may soon be otherwise without a purge.
    pub fn briefly(value: T, time: Duration) -> Self {
        Self {
            value,
            at_most: Some(time),
        }
    }
}

impl<K, T> Cache<K, T>
where
    K: Hash + Eq + Clone + fmt::Display + Send + Sync + 'static,
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// The value at `key`, which purging any of `tags` drops; loaded if it is in neither tier. Concurrent callers share
    /// one load, and its error, which is not kept.
    ///
    /// # Errors
    /// What `load` failed with.
    pub async fn get_or_load<E, F>(
        &self,
        key: K,
        tags: &[Tag],
        load: impl Fn() -> F,
    ) -> Result<Arc<T>, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Loaded<T>, E>>,
    {
        let loaded = AtomicBool::new(false);
        let entry = || async {
            loaded.store(true, Ordering::Relaxed);
            self.entry(&key, tags, &load).await
        };
        let found = self.find_or_load(&key, entry).await;
        if !loaded.load(Ordering::Relaxed) {
            self.hits.increment(1);
        }
        found
    }

    async fn find_or_load<E, F>(&self, key: &K, load: impl Fn() -> F) -> Result<Arc<T>, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Entry<T>, E>>,
    {
        for _ in 0..SHARED_LOADS {
            let entry = self.entries.try_get_with_by_ref(key, load()).await?;
            if self.stands(&entry) {
                return Ok(entry.value);
            }
            // Drops what we saw, and not what somebody else has loaded meanwhile.
            if let Some(now) = self.entries.get(key).await
                && !self.stands(&now)
            {
                self.entries.invalidate(key).await;
            }
        }
        // Purged as fast as it is loaded: what is read now is right for now.
        load().await.map(|entry| entry.value).map_err(Arc::new)
    }

    /// From the second tier, or loaded and given to it.
    async fn entry<E, F>(&self, key: &K, tags: &[Tag], load: impl Fn() -> F) -> Result<Entry<T>, E>
    where
        F: Future<Output = Result<Loaded<T>, E>>,
    {
        let (loaded_after, now) = (self.of.purged.count(), self.of.clock.now());
        let entry = |value, life| Entry {
            value: Arc::new(value),
            tags: tags.into(),
            loaded_after,
            until: now + life,
        };
        let found = match &self.of.tier {
            Some(tier) => tier.find(&format!("{}:{key}", self.name), tags).await,
            None => Found::Nothing,
        };
        if let Found::Value(json, left) = &found
            && let Ok(value) = serde_json::from_slice(json)
        {
            self.shared.increment(1);
            return Ok(entry(value, (*left).min(self.of.time_to_live)));
        }
        let Loaded { value, at_most } = load().await?;
        self.misses.increment(1);
        let life = at_most.unwrap_or(self.of.time_to_live).min(self.of.time_to_live);
        if let (Some(tier), Found::Place(place)) = (&self.of.tier, found)
            && let Ok(json) = serde_json::to_vec(&value)
        {
            tier.keep(place, json, life);
        }
        Ok(entry(value, life))
    }

    fn stands(&self, entry: &Entry<T>) -> bool {
        self.of.clock.now() < entry.until && !self.of.purged.any_since(entry.loaded_after, &entry.tags)
    }
}

impl fmt::Debug for Caches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caches")
            .field("service", &self.service)
            .field("time_to_live", &self.time_to_live)
            .finish_non_exhaustive()
    }
}

impl<K, T> fmt::Debug for Cache<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
