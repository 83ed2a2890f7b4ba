//! Which tags were purged, and when, counted in purges. A fixed table: tags that share a slot are purged together,
//! which costs a load and is never wrong.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// How many slots there are.
const SLOTS: u64 = 4_096;

/// Something that cached values are about, such as one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag(pub(crate) u64);

impl Tag {
    /// The tag of the thing `id` of this `kind`.
    #[must_use]
    pub fn of(kind: &str, id: impl fmt::Display) -> Self {
        // FNV-1a: processes of different builds must agree, which the standard library's hasher does not promise.
        let text = format!("{kind}:{id}");
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(hash)
    }
}

/// The number of the last purge of each slot.
pub(crate) struct Purged {
    count: AtomicU64,
    last: Vec<AtomicU64>,
}

impl Default for Purged {
    fn default() -> Self {
        Self {
            count: AtomicU64::new(0),
            last: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Purged {
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

#[cfg(test)]
mod tests {
    use super::*;

    // GW-CACHE-4
    #[test]
    fn a_tag_is_the_same_in_every_build() {
        assert_eq!(Tag::of("product", 7), Tag(0x3b3e_2478_98d8_f62f));
        assert_ne!(Tag::of("product", 7), Tag::of("product", 8));
    }
}
