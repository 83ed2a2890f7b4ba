//! The tier that the processes of a service share: values in Redis, as JSON, each under a name that holds the versions
//! of its tags. Purging a tag deletes its version, so that nothing written under the old one is ever read again, also if
//! it is written later.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::Script;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::link::{ANSWER, Hears, Redis, RedisUrl};
use crate::tags::{Purged, Tag};

/// How long the version of a tag is remembered. One that is forgotten costs a load.
const VERSION_LIFE: Duration = Duration::from_secs(60);
/// The largest value that is shared, in bytes: a longer one keeps other commands waiting.
const LARGEST: usize = 256 * 1024;
/// The most purges that one command tells of.
const TOGETHER: usize = 256;

/// Finds the value under the versions of its tags; a tag without one gets one. Answers versions, time left, value, and
/// what time it is, in milliseconds since the epoch.
const FIND: &str = r"
local time = redis.call('TIME')
local versions = ''
for i = 2, #KEYS do
  local version = redis.call('GET', KEYS[i])
  if not version then
    version = ARGV[1]
    redis.call('SET', KEYS[i], version, 'PX', ARGV[2])
  end
  versions = versions .. version
end
local name = KEYS[1] .. versions
return {versions, redis.call('PTTL', name), redis.call('GET', name), time[1] * 1000 + math.floor(time[2] / 1000)}
";

/// Deletes versions, and then tells. A script and no `MULTI`: to whoever listens on the connection on which it tells, Redis
/// before 7.2 writes the message into the middle of the answer to `EXEC`, and all answers after it go to the wrong askers.
const PURGE: &str = r"
redis.call('DEL', unpack(KEYS))
redis.call('PUBLISH', ARGV[1], ARGV[2])
";

/// What the tier says of a value.
pub(crate) enum Found {
    /// This, for so long.
    Value(Vec<u8>, Duration),
    /// It has none; what is loaded now may be kept there.
    Place(Place),
    /// It cannot be asked.
    Nothing,
}

/// Where a value may be kept.
pub(crate) struct Place {
    name: String,
    /// When it was found, by Redis's clock, in milliseconds since the epoch.
    found_at: u64,
}

#[derive(Clone)]
pub(crate) struct Tier(Arc<Inner>);

struct Inner {
    redis: Redis,
    service: &'static str,
    /// What our messages begin with: they come back to us.
    us: String,
    /// How long any value lives in it at most.
    life: Duration,
    find: Script,
    purge: Script,
    tracker: TaskTracker,
    purges: Mutex<Purges>,
    settled: Notify,
}

/// Tags whose purge has not reached Redis.
#[derive(Default)]
struct Purges {
    /// When this process purged for the first time.
    first: Option<Instant>,
    waiting: HashSet<Tag>,
    being_sent: HashSet<Tag>,
    /// Whether a task sends them.
    sending: bool,
    /// How many purges there were, and how many of the first have reached Redis or failed to.
    asked: u64,
    ended: u64,
}

impl Tier {
    /// The Redis that it is in.
    pub(crate) fn redis(&self) -> &Redis {
        &self.0.redis
    }

    pub(crate) async fn open(
        url: &RedisUrl,
        service: &'static str,
        life: Duration,
        purged: Arc<Purged>,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        let us = format!("{:032x}", rand::random::<u128>());
        let hears = Hears {
            channel: channel(service),
            message: Box::new({
                let us = us.clone();
                move |message| hear(message, us.as_bytes(), &purged)
            }),
        };
        Self(Arc::new(Inner {
            redis: Redis::hearing(url, service, Some(hears), tracker, stop).await,
            service,
            us,
            life,
            find: Script::new(FIND),
            purge: Script::new(PURGE),
            tracker: tracker.clone(),
            purges: Mutex::default(),
            settled: Notify::new(),
        }))
    }

    /// Looks for the value of `key`, which has `tags`.
    pub(crate) async fn find(&self, key: &str, tags: &[Tag]) -> Found {
        if self.rests(tags) {
            return Found::Nothing;
        }
        let mut find = self.0.find.key(self.name("value", key));
        for tag in tags {
            find.key(self.version_of(*tag));
        }
        let fresh = format!("{:032x}", rand::random::<u128>());
        find.arg(fresh).arg(millis(VERSION_LIFE));
        let run = async |mut connection| find.invoke_async(&mut connection).await;
        let found: Result<(String, i64, Option<Vec<u8>>, u64), _> = self.0.redis.run(run).await;
        match found {
            Ok((_, left @ 1.., Some(value), _)) => {
                Found::Value(value, Duration::from_millis(left.unsigned_abs()))
            }
            Ok((versions, _, _, found_at)) => Found::Place(Place {
                name: format!("{}{versions}", self.name("value", key)),
                found_at,
            }),
            Err(_) => Found::Nothing,
        }
    }

    /// Keeps what was loaded in the place that was found before it was loaded; nobody waits for that. It ends `life` after
    /// the place was found, however late Redis gets to it.
    pub(crate) fn keep(&self, place: Place, value: Vec<u8>, life: Duration) {
        if value.len() > LARGEST {
            return;
        }
        let until = place.found_at + millis(life.min(self.0.life));
        let redis = self.0.redis.clone();
        self.0.tracker.spawn(async move {
            let mut set = redis::cmd("SET");
            set.arg(place.name).arg(value).arg("PXAT").arg(until);
            // Without it the next process loads for itself.
            drop(
                redis
                    .run(async |mut connection| set.query_async::<()>(&mut connection).await)
                    .await,
            );
        });
    }

    /// Has the versions of `tag` deleted and other processes told, soon. Until then this process keeps off the values
    /// that have it. What is asked for while the service stops is sent as well: its requests finish.
    pub(crate) fn purge(&self, tag: Tag) {
        let idle = self.purges(|purges| {
            purges.first.get_or_insert_with(Instant::now);
            purges.waiting.insert(tag);
            purges.asked += 1;
            !std::mem::replace(&mut purges.sending, true)
        });
        if idle {
            self.0.tracker.spawn(self.clone().send_purges());
        }
    }

    /// Returns once every purge that was asked for until now has reached Redis, or has failed to, or an answer's time is
    /// over.
    pub(crate) async fn settled(&self) {
        let before = self.purges(|purges| purges.asked);
        let settled = async {
            loop {
                let settled = self.0.settled.notified();
                if self.purges(|purges| purges.ended >= before) {
                    return;
                }
                settled.await;
            }
        };
        drop(tokio::time::timeout(ANSWER, settled).await);
    }

    /// Whether what Redis holds of `tags` may be older than what this process has purged. A purge that fails costs the
    /// connection, and for one life after each new one whatever was there before is left alone: what a purge could not
    /// reach, and what a Redis brought back from an earlier life, has ended by then.
    fn rests(&self, tags: &[Tag]) -> bool {
        let Some(since) = self.0.redis.since() else {
            return true;
        };
        self.purges(|purges| {
            let unsent = |tag| purges.waiting.contains(tag) || purges.being_sent.contains(tag);
            let purged_before = purges.first.is_some_and(|first| first <= since);
            (purged_before && since.elapsed() < self.0.life) || tags.iter().any(unsent)
        })
    }

    /// Sends until nothing waits.
    async fn send_purges(self) {
        while let Some((tags, last)) = self.purges(Purges::next) {
            for tags in tags.chunks(TOGETHER) {
                self.send(tags).await;
            }
            self.purges(|purges| {
                purges.being_sent.clear();
                purges.ended = last;
            });
            self.0.settled.notify_waiters();
        }
    }

    async fn send(&self, tags: &[Tag]) {
        let mut message = self.0.us.clone();
        let mut purge = self.0.purge.prepare_invoke();
        for tag in tags {
            purge.key(self.version_of(*tag));
            message.push_str(&format!("{:016x}", tag.0));
        }
        purge.arg(channel(self.0.service)).arg(message);
        // Failing costs the connection; see `rests`.
        let run = async |mut connection| purge.invoke_async::<()>(&mut connection).await;
        drop(self.0.redis.run(run).await);
    }

    fn purges<T>(&self, with: impl FnOnce(&mut Purges) -> T) -> T {
        with(&mut self.0.purges.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn version_of(&self, tag: Tag) -> String {
        self.name("version", &format!("{:016x}", tag.0))
    }

    /// In braces stands what keeps a service's keys together in a cluster.
    fn name(&self, kind: &str, of: &str) -> String {
        format!("{{souk:{}}}:{kind}:{of}:", self.0.service)
    }
}

impl Purges {
    /// What is sent next, all that waits, and the number of the last purge among it. Nobody sends any more if it is none.
    fn next(&mut self) -> Option<(Vec<Tag>, u64)> {
        self.being_sent = std::mem::take(&mut self.waiting);
        self.sending = !self.being_sent.is_empty();
        self.sending
            .then(|| (self.being_sent.iter().copied().collect(), self.asked))
    }
}

fn channel(service: &str) -> String {
    format!("{{souk:{service}}}:purged")
}

/// A message: who purged, and 16 digits a tag.
fn hear(message: &[u8], us: &[u8], purged: &Purged) {
    let Some((who, tags)) = message.split_at_checked(us.len()) else {
        return;
    };
    if who == us {
        return;
    }
    for digits in tags.chunks_exact(16) {
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        if let Ok(tag) = u64::from_str_radix(digits, 16) {
            purged.note(Tag(tag));
        }
    }
}

fn millis(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}
