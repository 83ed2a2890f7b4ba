//! How many jobs to hold ahead of those that run.

use std::time::Duration;

/// So much work is held ahead: more than fetching more takes, and soon given up when the process stops.
const AHEAD: Duration = Duration::from_millis(200);
/// How many earlier jobs weigh as much as the latest one, in the mean.
const MEMORY: u32 = 9;

/// How long the jobs of one kind take. Quick ones are fetched by the hundred, slow ones only when they can start, so
/// that another process may have them.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The mean, once one is known.
    mean: Option<Duration>,
}

impl Pace {
    /// Notes how long a job took.
    pub(super) fn note(&mut self, took: Duration) {
        self.mean = Some(match self.mean {
            Some(mean) => mean.saturating_mul(MEMORY).saturating_add(took) / (MEMORY + 1),
            None => took,
        });
    }

    /// How many jobs to hold beside the `places` that run, at most `most`.
    pub(super) fn ahead(&self, places: usize, most: usize) -> usize {
        let Some(mean) = self.mean else { return 0 };
        let in_time = AHEAD.as_nanos() / mean.as_nanos().max(1);
        let in_time = usize::try_from(in_time).unwrap_or(usize::MAX);
        in_time.saturating_mul(places).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // JOB-2
    #[test]
    fn quick_jobs_are_held_ahead_by_the_hundred_and_slow_ones_not_at_all() {
        let mut pace = Pace::default();
        assert_eq!(pace.ahead(8, 500), 0, "nothing is known yet");
        pace.note(Duration::from_micros(50));
        assert_eq!(pace.ahead(8, 500), 500);
        pace.note(Duration::from_secs(10));
        assert_eq!(pace.ahead(8, 500), 0, "a slow one is noticed at once");
    }
}
