//! Who waits for the outcome of a saga that is driven inline, and whether they will hear of it.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::outcome::Outcome;

/// What it takes to undo a step, to write that down and to tell, at most in general.
const TELLING: Duration = Duration::from_secs(1);
/// Of those who wait for less than a few seconds, which part that is.
const PART: u32 = 4;

/// Who waits for the outcome of an inline drive.
pub(crate) struct Asker<State> {
    pub(crate) answer: oneshot::Sender<Outcome<State>>,
    /// Dropped when the drive ends, whether or not anybody still waits.
    pub(crate) kept: Option<Box<dyn Send + Sync>>,
    /// What is undone from here on will not be told in time; by the process's clock.
    too_late: Instant,
}

impl<State> Asker<State> {
    /// Waits on the other end of `answer` until `until`, which is `within` from when they came.
    pub(crate) fn new(
        answer: oneshot::Sender<Outcome<State>>,
        (until, within): (Instant, Duration),
        kept: Option<Box<dyn Send + Sync>>,
    ) -> Self {
        let telling = TELLING.min(within / PART);
        Self {
            answer,
            kept,
            too_late: until.checked_sub(telling).unwrap_or(until),
        }
    }

    /// Whether they still wait, and for long enough to be told of what begins `now`.
    pub(crate) fn will_hear(&self, now: Instant) -> bool {
        !self.answer.is_closed() && now < self.too_late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody who waits for `within`, when they came, and the end at which they wait.
    fn asker(within: Duration) -> (Asker<()>, Instant, oneshot::Receiver<Outcome<()>>) {
        let (answer, answered) = oneshot::channel();
        let came = Instant::now();
        (Asker::new(answer, (came + within, within), None), came, answered)
    }

    #[test]
    fn who_waits_hears_until_the_time_that_is_left_is_too_short_to_tell() {
        for (within, too_late) in [
            (30_000, 29_000),
            (4_000, 3_000),
            (2_000, 1_500),
            (1_000, 750),
            (100, 75),
            (0, 0),
        ] {
            let [within, too_late] = [within, too_late].map(Duration::from_millis);
            let (asker, came, _waits) = asker(within);
            assert_eq!(asker.will_hear(came), !within.is_zero(), "{within:?}");
            let moment = Duration::from_millis(1);
            let just_before = came + too_late.saturating_sub(moment);
            assert_eq!(asker.will_hear(just_before), !within.is_zero(), "{within:?}");
            // They wait still.
            assert!(!asker.will_hear(came + too_late), "{within:?}");
        }
    }

    #[test]
    fn who_went_away_hears_nothing_however_long_they_meant_to_wait() {
        let (asker, came, waits) = asker(Duration::from_secs(30));
        assert!(asker.will_hear(came));
        drop(waits);
        assert!(!asker.will_hear(came));
    }
}
