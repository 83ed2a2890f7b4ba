//! What a service uses besides its database, and can do without for a while: told to people under `/health/all`, never to
//! probes, so that one dead part does not take the others out (OPS-1).

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// What is said of whatever is well.
pub const OK: &str = "ok";
/// What is said of what works, without something that it uses.
pub const DEGRADED: &str = "degraded";
/// How long a look may take: less than the gateway waits for the whole answer.
const WITHIN: Duration = Duration::from_millis(700);
/// How long what was seen is told again: however often the world asks, the dependency is asked this seldom.
const KEPT: Duration = Duration::from_secs(5);

type Look = Arc<dyn Fn() -> BoxFuture<'static, Result<(), &'static str>> + Send + Sync>;

/// Something that a service uses, and how to look at it. Cheap to clone; all clones share what was seen.
#[derive(Clone)]
pub struct Dependency {
    name: &'static str,
    look: Look,
    within: Duration,
    kept: Duration,
    seen: Arc<Mutex<Option<(Instant, &'static str)>>>,
}

/// How one thing is: `ok`, or a word for what is wrong, such as `unreachable`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// The word.
    pub status: String,
}

/// What a service says of itself under `/health/all`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok`; `degraded` where it works, without something that it uses; `unavailable` where it does not.
    pub status: String,
    /// Which service.
    pub service: String,
    /// What it uses, by name.
    #[serde(default)]
    pub dependencies: BTreeMap<String, Condition>,
}

impl Dependency {
    /// Something called `name`. `look` says how it is: nothing, or a word that tells the world neither a secret nor an
    /// address.
    pub fn new<F>(name: &'static str, look: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), &'static str>> + Send + 'static,
    {
        Self {
            name,
            look: Arc::new(move || Box::pin(look())),
            within: WITHIN,
            kept: KEPT,
            seen: Arc::default(),
        }
    }

    /// How it is, or was at most five seconds ago. Takes 0.7 s at most; those who ask together look once.
    pub async fn status(&self) -> &'static str {
        let mut seen = self.seen.lock().await;
        if let Some((at, status)) = *seen
            && at.elapsed() < self.kept
        {
            return status;
        }
        let status = match timeout(self.within, (self.look)()).await {
            Ok(Ok(())) => OK,
            Ok(Err(word)) => word,
            Err(_) => "timeout",
        };
        *seen = Some((Instant::now(), status));
        status
    }

    /// How all of `dependencies` are, looked at together.
    pub async fn all(dependencies: &[Self]) -> BTreeMap<String, Condition> {
        let look = async |of: &Self| {
            let status = of.status().await.to_owned();
            (of.name.to_owned(), Condition { status })
        };
        join_all(dependencies.iter().map(look))
            .await
            .into_iter()
            .collect()
    }
}

impl Condition {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == OK
    }
}

impl fmt::Debug for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dependency({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    // OPS-1
    #[tokio::test]
    async fn a_dependency_is_looked_at_seldom_however_often_it_is_asked_for() {
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&looks);
        let mut dependency = Dependency::new("storage", move || {
            let first = counted.fetch_add(1, Ordering::Relaxed) == 0;
            async move { if first { Err("unreachable") } else { Ok(()) } }
        });
        let asked = join_all((0..100).map(|_| dependency.status())).await;
        assert!(asked.iter().all(|status| *status == "unreachable"));
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        dependency.kept = Duration::ZERO;
        assert_eq!(dependency.status().await, OK);
        assert_eq!(looks.load(Ordering::Relaxed), 2);
    }

    // OPS-1
    #[tokio::test]
    async fn one_that_hangs_keeps_nobody_waiting() {
        let mut hangs = Dependency::new("mail", std::future::pending);
        hangs.within = Duration::from_millis(1);
        let well = Dependency::new("redis", || async { Ok(()) });
        let all = Dependency::all(&[hangs, well]).await;
        let told: Vec<_> = all
            .iter()
            .map(|(name, is)| (name.as_str(), is.status.as_str()))
            .collect();
        assert_eq!(told, [("mail", "timeout"), ("redis", "ok")]);
    }
}
