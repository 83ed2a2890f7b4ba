//! When a signing key is made, signs, and is forgotten.

use time::{Duration, OffsetDateTime};

/// How old a verifier's copy of the published keys may be, and how far clocks may differ, together.
const SLACK: Duration = Duration::minutes(6);

/// The times of a key's life, all of them by settings.
#[derive(Clone, Copy, Debug)]
pub struct KeyTimes {
    /// How long an access token lives.
    pub access: Duration,
    /// How long a key signs.
    pub rotation: Duration,
}

/// Whether another key is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextKey {
    /// Not yet.
    Later,
    /// Make one that signs from then.
    Make(OffsetDateTime),
}

impl KeyTimes {
    /// Whether to make a key, given when the newest one signs from. The first signs at once; every other one is
    /// published for longer than an access token lives before it signs.
    #[must_use]
    pub fn next(&self, newest: Option<OffsetDateTime>, now: OffsetDateTime) -> NextKey {
        let Some(newest) = newest else {
            return NextKey::Make(now);
        };
        let (due, soonest) = (newest + self.rotation, now + self.access + SLACK);
        if due <= soonest {
            NextKey::Make(due.max(soonest))
        } else {
            NextKey::Later
        }
    }

    /// Keys whose successor signs from before this have signed nothing that is still alive.
    #[must_use]
    pub fn dead_before(&self, now: OffsetDateTime) -> OffsetDateTime {
        now - self.access - SLACK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    // AUT-5
    #[test]
    fn the_next_key_is_published_for_a_token_life_before_it_signs() {
        let times = KeyTimes {
            access: Duration::minutes(15),
            rotation: Duration::days(90),
        };
        let start = datetime!(2026-01-01 00:00 UTC);
        assert_eq!(times.next(None, start), NextKey::Make(start));
        assert_eq!(
            times.next(Some(start), start + Duration::days(89)),
            NextKey::Later
        );
        let due = start + Duration::days(90);
        assert_eq!(
            times.next(Some(start), due - Duration::minutes(21)),
            NextKey::Make(due)
        );
        let NextKey::Make(signs_from) = times.next(Some(start), due + Duration::days(5)) else {
            panic!("a shop that was off makes a key when it starts");
        };
        assert!(
            signs_from >= due + Duration::days(5) + times.access,
            "published first"
        );
    }
}
