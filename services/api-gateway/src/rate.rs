//! The generic cell rate algorithm: one number a key says when its next call is due, so that a limit costs eight
//! bytes a client and no window has an edge to wait for.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const SHARDS: usize = 32;
/// The most keys in one shard. A full shard forgets whoever is nearest to having no debt.
const KEYS: usize = 8 * 1024;

/// So many calls a minute, so many of them at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    pub(crate) per_minute: u32,
    pub(crate) burst: u32,
}

impl Quota {
    /// What one of `gateways` lets through while none knows of the others.
    pub(crate) fn part_of(self, gateways: u32) -> Self {
        let part = |of: u32| (of / gateways.max(1)).max(1);
        Self {
            per_minute: part(self.per_minute),
            burst: part(self.burst),
        }
    }

    /// The microseconds that one call costs, and how many may be owed.
    pub(crate) fn step_and_room(self) -> (i64, i64) {
        let step = 60_000_000 / i64::from(self.per_minute.max(1));
        (step, step * i64::from(self.burst.max(1)))
    }
}

/// What was decided about one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) allowed: bool,
    /// Calls that would be let through at once now.
    pub(crate) remaining: u32,
    /// Until one more is let through, if none would be; until all are, otherwise.
    pub(crate) reset: Duration,
}

/// Counts calls by key, in bounded memory.
pub(crate) struct Limiter<K> {
    /// When the debt of a key is paid, in microseconds since the epoch.
    shards: Vec<Mutex<HashMap<K, i64>>>,
    hasher: RandomState,
}

impl<K: Copy + Eq + Hash> Limiter<K> {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Takes one call of `key` at `now` (microseconds since the epoch), if `quota` has room for it.
    pub(crate) fn take(&self, key: K, quota: Quota, now: i64) -> Decision {
        let (step, room) = quota.step_and_room();
        let index = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or_default();
        let Some(shard) = self.shards.get(index) else {
            return Decision {
                allowed: true,
                remaining: quota.burst,
                reset: Duration::ZERO,
            };
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = shard.get(&key).copied().unwrap_or(now).max(now);
        let debt = paid - now + step;
        if debt > room {
            return Decision {
                allowed: false,
                remaining: 0,
                reset: micros(debt - room),
            };
        }
        if shard.len() >= KEYS && !shard.contains_key(&key) {
            make_room(&mut shard, now);
        }
        shard.insert(key, now + debt);
        let remaining = (room - debt) / step;
        // Nothing left: the next is let through when one step of the debt is paid.
        let reset = if remaining == 0 { debt + step - room } else { debt };
        Decision {
            allowed: true,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: micros(reset),
        }
    }

    /// Forgets keys without debt.
    pub(crate) fn prune(&self, now: i64) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, paid| *paid > now);
            shard.shrink_to(KEYS / 8);
        }
    }

    /// How many keys are remembered.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|s| s.lock().unwrap().len()).sum()
    }
}

/// Forgets keys without debt, or else the half with the least of it.
fn make_room<K: Copy + Eq + Hash>(shard: &mut HashMap<K, i64>, now: i64) {
    shard.retain(|_, paid| *paid > now);
    if shard.len() >= KEYS {
        let mut debts: Vec<i64> = shard.values().copied().collect();
        let (_, median, _) = debts.select_nth_unstable(KEYS / 2);
        let median = *median;
        shard.retain(|_, paid| *paid > median);
    }
}

pub(crate) fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota {
        per_minute: 30,
        burst: 10,
    };
    const SECOND: i64 = 1_000_000;

    // GW-5
    #[test]
    fn a_burst_passes_and_then_calls_pass_at_the_rate() {
        let limiter = Limiter::new();
        for left in (0..10).rev() {
            let decision = limiter.take(1, QUOTA, 0);
            assert_eq!((decision.allowed, decision.remaining), (true, left));
        }
        let refused = limiter.take(1, QUOTA, 0);
        assert_eq!((refused.allowed, refused.reset), (false, Duration::from_secs(2)));
        assert!(limiter.take(2, QUOTA, 0).allowed, "others are not held up");
        assert!(!limiter.take(1, QUOTA, 2 * SECOND - 1).allowed);
        assert!(limiter.take(1, QUOTA, 2 * SECOND).allowed);
        assert!(!limiter.take(1, QUOTA, 2 * SECOND).allowed);
        assert_eq!(
            limiter.take(1, QUOTA, 3_600 * SECOND).remaining,
            9,
            "debts are paid in time"
        );
    }

    // GW-5
    #[test]
    fn a_minute_at_full_speed_lets_through_the_rate_and_one_burst() {
        let limiter = Limiter::new();
        let passed = (0..60_000_i64)
            .filter(|ms| limiter.take(1, QUOTA, ms * 1_000).allowed)
            .count();
        assert_eq!(
            passed, 39,
            "30 at the rate and the burst of 10, one of which the rate counts"
        );
    }

    // GW-5
    #[test]
    fn a_million_addresses_take_bounded_memory_and_the_worst_is_not_forgotten() {
        let limiter = Limiter::new();
        for _ in 0..11 {
            limiter.take(u64::MAX, QUOTA, 0);
        }
        for address in 0..1_000_000_u64 {
            limiter.take(address, QUOTA, 0);
        }
        assert!(limiter.len() <= SHARDS * KEYS);
        assert!(!limiter.take(u64::MAX, QUOTA, 0).allowed);
        limiter.prune(60 * SECOND);
        assert_eq!(limiter.len(), 0);
    }
}
