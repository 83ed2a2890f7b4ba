//! A cache in the process: every entry has a time to live, there is a bound on how many there are, concurrent
//! misses of one key load it once, and entries are purged by tag.
//!
//! What was purged never comes back: a load that began before the purge may still be under way, and what it finds
//! is not kept. So a writer who purges after its commit reads its own write.

mod purges;

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::{Counter, Unit};
use time::OffsetDateTime;
use types::Clock;

use purges::Purges;
pub use purges::Tag;

/// How often a load is shared with others before one goes alone.
const SHARED_LOADS: usize = 3;

/// A cache of `V` by `K`. Cheap to clone; all clones share their entries. `V` is cloned for each reader: an `Arc`
/// is a good one.
#[derive(Clone)]
pub struct Cache<K, V> {
    entries: moka::future::Cache<K, Entry<V>>,
    purges: Arc<Purges>,
    time_to_live: Duration,
    clock: Arc<dyn Clock>,
    reads: Option<Reads>,
}

/// Counts what readers met.
#[derive(Clone)]
struct Reads {
    hits: Counter,
    misses: Counter,
}

#[derive(Clone)]
struct Entry<V> {
    value: V,
    tags: Arc<[Tag]>,
    /// How many purges there had been when its load began.
    loaded_after: u64,
    until: OffsetDateTime,
}

/// What a load found, and the tags by which it is purged.
#[derive(Clone, Debug)]
pub struct Loaded<V> {
    /// The value.
    pub value: V,
    /// Purging any of these drops it.
    pub tags: Vec<Tag>,
}

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of at most `bound` entries that live for `time_to_live`.
    #[must_use]
    pub fn new(bound: u64, time_to_live: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            entries: moka::future::Cache::new(bound),
            purges: Arc::default(),
            time_to_live,
            clock,
            reads: None,
        }
    }

    /// The same cache, whose reads are counted as those of `service`'s cache `name`.
    #[must_use]
    pub fn counted(self, service: &'static str, name: &'static str) -> Self {
        metrics::describe_counter!(
            "cache_reads_total",
            Unit::Count,
            "Reads of a cache in the process, by result: hit, or miss (this reader loaded the value)."
        );
        let reads = |result: &'static str| metrics::counter!("cache_reads_total", "service" => service, "cache" => name, "result" => result);
        Self {
            reads: Some(Reads {
                hits: reads("hit"),
                misses: reads("miss"),
            }),
            ..self
        }
    }

    /// The value at `key`, loaded if it is not there, has expired or was purged. Concurrent callers share one load,
    /// and its error, which is not kept.
    ///
    /// # Errors
    /// What `load` failed with.
    pub async fn get_or_load<E, F>(&self, key: K, load: impl Fn() -> F) -> Result<V, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Loaded<V>, E>>,
    {
        let loaded = AtomicBool::new(false);
        let load = || {
            loaded.store(true, Ordering::Relaxed);
            load()
        };
        let found = self.find_or_load(key, &load).await;
        if let Some(Reads { hits, misses }) = &self.reads {
            let reads = if loaded.load(Ordering::Relaxed) {
                misses
            } else {
                hits
            };
            reads.increment(1);
        }
        found
    }

    async fn find_or_load<E, F>(&self, key: K, load: &impl Fn() -> F) -> Result<V, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<Loaded<V>, E>>,
    {
        for _ in 0..SHARED_LOADS {
            let entry = self.entries.try_get_with(key.clone(), self.entry(load)).await?;
            if self.stands(&entry) {
                return Ok(entry.value);
            }
            // Drops what we saw, and not what somebody else has loaded meanwhile.
            if let Some(now) = self.entries.get(&key).await
                && !self.stands(&now)
            {
                self.entries.invalidate(&key).await;
            }
        }
        // Purged as fast as it is loaded: what is read now is right for now.
        self.entry(load).await.map(|entry| entry.value).map_err(Arc::new)
    }

    /// Drops every entry that has `tag`, and those that are being loaded. Constant time.
    pub fn purge(&self, tag: Tag) {
        self.purges.note(tag);
    }

    async fn entry<E, F>(&self, load: &impl Fn() -> F) -> Result<Entry<V>, E>
    where
        F: Future<Output = Result<Loaded<V>, E>>,
    {
        let (loaded_after, until) = (self.purges.count(), self.clock.now() + self.time_to_live);
        load().await.map(|loaded| Entry {
            value: loaded.value,
            tags: loaded.tags.into(),
            loaded_after,
            until,
        })
    }

    fn stands(&self, entry: &Entry<V>) -> bool {
        self.clock.now() < entry.until && !self.purges.any_since(entry.loaded_after, &entry.tags)
    }
}

impl<K, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("time_to_live", &self.time_to_live)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
