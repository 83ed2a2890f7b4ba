//! Idempotency keys: the first outcome under a key is kept for a day and given again.

use std::collections::{HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::error::ApiError;

/// How long an outcome is kept, in seconds.
const KEPT: i64 = 24 * 60 * 60;
/// The longest key.
const LONGEST: usize = 255;

/// What was asked under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) key: String,
    pub(crate) path: String,
    pub(crate) fingerprint: String,
}

impl Asked {
    /// `pairs` sent to `path` under `key`. The order of parameters does not matter, that within a list does.
    pub(crate) fn new(key: String, path: &str, pairs: &[(String, String)]) -> Result<Self, ApiError> {
        if key.is_empty() || key.len() > LONGEST {
            let why = format!("Invalid idempotency key: it must be 1 to {LONGEST} characters long.");
            return Err(ApiError::idempotency(why));
        }
        let mut sorted: Vec<&(String, String)> = pairs.iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let mut hash = Sha256::new();
        for (name, value) in sorted {
            for part in [name, value] {
                hash.update(part.len().to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        Ok(Self {
            key,
            path: path.to_owned(),
            fingerprint: hex::encode(hash.finalize()),
        })
    }
}

/// The outcome of a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) key: String,
    pub(crate) path: String,
    pub(crate) fingerprint: String,
    pub(crate) created: i64,
    /// The id of the request that was executed.
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) body: Box<RawValue>,
}

/// The keys of the last day, and those of requests that run.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    answers: HashMap<String, Answer>,
    oldest_first: VecDeque<(i64, String)>,
    running: HashSet<String>,
}

impl Keys {
    /// Begins a request: gives its outcome if it ran before, else marks its key as running until
    /// [`Keys::release`].
    pub(crate) fn begin(&mut self, asked: &Asked, now: i64) -> Result<Option<Answer>, ApiError> {
        if let Some(answer) = self.answers.get(&asked.key).filter(|a| fresh(a.created, now)) {
            return same(answer, asked).map(|()| Some(answer.clone()));
        }
        if self.running.insert(asked.key.clone()) {
            Ok(None)
        } else {
            Err(ApiError::key_in_use(&asked.key))
        }
    }

    /// The request under `key` no longer runs.
    pub(crate) fn release(&mut self, key: &str) {
        self.running.remove(key);
    }

    /// Keeps an outcome, and forgets those that are a day older.
    pub(crate) fn keep(&mut self, answer: Answer) {
        let now = answer.created;
        while let Some((created, key)) = self
            .oldest_first
            .front()
            .filter(|(created, _)| !fresh(*created, now))
        {
            if self.answers.get(key).is_some_and(|a| a.created == *created) {
                self.answers.remove(key);
            }
            self.oldest_first.pop_front();
        }
        self.oldest_first.push_back((now, answer.key.clone()));
        self.answers.insert(answer.key.clone(), answer);
    }

    /// The outcomes to take over into a fresh journal, oldest first.
    pub(crate) fn kept(&self, now: i64) -> impl Iterator<Item = &Answer> {
        self.oldest_first
            .iter()
            .filter_map(|(created, key)| self.answers.get(key).filter(|a| a.created == *created))
            .filter(move |answer| fresh(answer.created, now))
    }
}

fn fresh(created: i64, now: i64) -> bool {
    now - created < KEPT
}

fn same(answer: &Answer, asked: &Asked) -> Result<(), ApiError> {
    let key = &asked.key;
    if answer.path != asked.path {
        return Err(ApiError::idempotency(format!(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{}' vs \
             '{}'). Try using a key other than '{key}' if you meant to execute a different request.",
            asked.path, answer.path
        )));
    }
    if answer.fingerprint != asked.fingerprint {
        return Err(ApiError::idempotency(format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try \
             using a key other than '{key}' if you meant to execute a different request."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> Asked {
        Asked::new("k".to_owned(), "/v1/x", &[("a".to_owned(), value.to_owned())]).unwrap()
    }

    fn answer(created: i64) -> Answer {
        let Asked {
            key,
            path,
            fingerprint,
        } = asked("1");
        let body = RawValue::from_string("{}".to_owned()).unwrap();
        Answer {
            key,
            path,
            fingerprint,
            created,
            request: "req_1".to_owned(),
            status: 200,
            body,
        }
    }

    #[test]
    fn a_twin_that_comes_while_the_first_runs_is_told_so() {
        let mut keys = Keys::default();
        assert!(keys.begin(&asked("1"), 0).unwrap().is_none());
        let busy = keys.begin(&asked("1"), 0).unwrap_err();
        assert_eq!(busy.status, 409);
        assert_eq!(busy.body()["error"]["code"], "idempotency_key_in_use");
        keys.release("k");
        assert!(keys.begin(&asked("1"), 0).unwrap().is_none());
    }

    #[test]
    fn an_outcome_is_kept_for_a_day() {
        let mut keys = Keys::default();
        keys.keep(answer(0));
        assert!(keys.begin(&asked("1"), KEPT - 1).unwrap().is_some());
        assert!(keys.begin(&asked("2"), KEPT - 1).is_err());
        assert!(keys.begin(&asked("2"), KEPT).unwrap().is_none());
        keys.keep(answer(KEPT));
        assert_eq!(keys.kept(KEPT).count(), 1);
        assert_eq!(keys.answers.len(), 1);
        assert_eq!(keys.oldest_first.len(), 1);
    }
}
