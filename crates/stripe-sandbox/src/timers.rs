//! What happens by itself later. Nothing of it is kept: each row says when it acts, so that a restart finds it again.

use std::collections::{BTreeSet, HashMap};

/// What acts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Due {
    /// The holder of the card that paid this charge disputes it.
    Charge(String),
    /// The bank takes this refund, or sends it back.
    Refund(String),
    /// This dispute is decided, or its deadline passes.
    Dispute(String),
}

/// When what acts.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(i64, Due)>,
    at: HashMap<Due, i64>,
}

impl Timers {
    /// Has `due` act at `at`, in seconds; never, without it.
    pub(crate) fn set(&mut self, due: Due, at: Option<i64>) {
        if let Some(before) = self.at.remove(&due) {
            self.by_time.remove(&(before, due.clone()));
        }
        if let Some(at) = at {
            self.by_time.insert((at, due.clone()));
            self.at.insert(due, at);
        }
    }

    /// What acts first of all by `now`.
    pub(crate) fn first(&self, now: i64) -> Option<(i64, Due)> {
        self.by_time.first().filter(|(at, _)| *at <= now).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_anew_no_longer_acts_when_it_would_have() {
        let mut timers = Timers::default();
        let due = || Due::Refund("re_1".to_owned());
        timers.set(due(), Some(5));
        timers.set(due(), Some(9));
        assert_eq!(timers.first(8), None);
        assert_eq!(timers.first(9), Some((9, due())));
        timers.set(due(), None);
        assert_eq!(timers.first(i64::MAX), None);
    }
}
