//! Which tags were purged, and when, counted in purges. A fixed table: tags that share a slot are purged together,
//! which costs a load and is never wrong.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// How many slots there are.
const SLOTS: u64 = 4_096;

/// Something that cached values are about, such as one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag(u64);

impl Tag {
    /// The tag of the thing `id` of this `kind`.
    #[must_use]
    pub fn of(kind: &str, id: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        (kind, id).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// The number of the last purge of each slot.
pub(crate) struct Purges {
    count: AtomicU64,
    last: Vec<AtomicU64>,
}

impl Default for Purges {
    fn default() -> Self {
        Self {
            count: AtomicU64::new(0),
            last: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Purges {
    /// How many purges there have been.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(SeqCst)
    }

    /// Notes a purge of `tag`.
    pub(crate) fn note(&self, tag: Tag) {
        let number = self.count.fetch_add(1, SeqCst) + 1;
        if let Some(slot) = self.slot(tag) {
            slot.fetch_max(number, SeqCst);
        }
    }

    /// Whether one of `tags` was purged after the first `count` purges.
    pub(crate) fn any_since(&self, count: u64, tags: &[Tag]) -> bool {
        tags.iter()
            .any(|tag| self.slot(*tag).is_none_or(|slot| slot.load(SeqCst) > count))
    }

    fn slot(&self, tag: Tag) -> Option<&AtomicU64> {
        usize::try_from(tag.0 % SLOTS).ok().and_then(|i| self.last.get(i))
    }
}
