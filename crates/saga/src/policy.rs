//! How long a step may take, and how often and how long it is tried again.

use std::time::Duration;

/// What a step's attempts are allowed. All times are per step, not per saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long one attempt may take; what it did is unknown after that.
    pub timeout: Duration,
    /// How long after the first attempt the step is still tried again.
    pub max_age: Duration,
    /// The same for taking the step back, which is tried for longer: giving up there needs a person.
    pub undo_max_age: Duration,
    /// The upper bound of the first pause between two attempts; doubled for each further one.
    pub backoff_base: Duration,
    /// The upper bound of every pause.
    pub backoff_cap: Duration,
}

impl Default for Policy {
    /// Attempts of 3 s, repeated for a minute.
    fn default() -> Self {
        Self::new(Duration::from_secs(3), Duration::from_secs(60))
    }
}

impl Policy {
    /// Attempts of `timeout`, repeated for `max_age` with pauses from 200 ms to 30 s; undone for an hour.
    #[must_use]
    pub const fn new(timeout: Duration, max_age: Duration) -> Self {
        Self {
            timeout,
            max_age,
            undo_max_age: Duration::from_secs(3600),
            backoff_base: Duration::from_millis(200),
            backoff_cap: Duration::from_secs(30),
        }
    }

    /// The same policy with another bound for taking the step back.
    #[must_use]
    pub const fn undone_within(mut self, max_age: Duration) -> Self {
        self.undo_max_age = max_age;
        self
    }

    /// The pause after `failures` failures in a row: anything from nothing to the exponential bound, as
    /// `jitter` says as a fraction of `u32::MAX` ("full jitter").
    pub(crate) fn pause(&self, failures: u32, jitter: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let bound = self
            .backoff_base
            .saturating_mul(1 << doublings)
            .min(self.backoff_cap);
        let nanos = bound.as_nanos() * u128::from(jitter) / u128::from(u32::MAX);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SAG-2
    #[test]
    fn pauses_are_drawn_from_an_exponential_bound_with_full_jitter() {
        let policy = Policy::default();
        let most = |failures| policy.pause(failures, u32::MAX).as_millis();
        let bounds: Vec<u128> = (1..=9).map(most).collect();
        assert_eq!(
            bounds,
            [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]
        );
        assert_eq!(most(u32::MAX), 30_000);
        assert_eq!(policy.pause(5, 0), Duration::ZERO);
        assert!(
            policy.pause(1, u32::MAX / 2).abs_diff(Duration::from_millis(100)) < Duration::from_micros(1)
        );
    }
}
