//! The connection to Redis: made and mended in the background, so that no request waits for one. While there is none,
//! a command fails at once; whoever asks has another way.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Gauge, Unit};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo as _, ProtocolVersion, PushInfo,
    PushKind, RedisError, RedisResult, Value,
};
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(1);
/// How long an answer may take: what a request pays at most for a Redis that falls silent.
pub(crate) const ANSWER: Duration = Duration::from_millis(200);
/// How long after a failure the next connection is tried.
const RETRY: Duration = Duration::from_millis(250);
/// How often a connection that nobody uses is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Where Redis (or Valkey) is. Its password never shows.
#[derive(Clone)]
pub struct RedisUrl {
    client: Client,
    address: String,
}

/// A text that names no Redis. Says nothing of the text: there may be a password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not redis://[USER][:PASSWORD]@HOST[:PORT][/DATABASE]; for TLS, begin with rediss://")]
pub struct BadRedisUrl;

/// Redis was not reached, or refused. The reason was logged where the connection was given up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis does not answer")]
pub struct NoRedis;

type OnMessage = Box<dyn Fn(&[u8]) + Send + Sync>;

/// What is done with each message of a channel.
pub(crate) struct Hears {
    pub(crate) channel: String,
    pub(crate) message: OnMessage,
}

/// A connection to Redis that mends itself. Cheap to clone; all clones share it.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    client: Client,
    service: &'static str,
    address: String,
    live: RwLock<Option<Live>>,
    lost: Notify,
    connected: Gauge,
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    since: Instant,
}

/// A new connection, and what it hears.
struct Connected {
    live: Live,
    pushes: UnboundedReceiver<PushInfo>,
}

impl RedisUrl {
    /// Reads an address; nobody is asked whether anything is there.
    ///
    /// # Errors
    /// It is none of a Redis over TCP.
    pub fn parse(text: &str) -> Result<Self, BadRedisUrl> {
        let info = text.trim().into_connection_info().map_err(|_| BadRedisUrl)?;
        let (host, port) = match info.addr() {
            ConnectionAddr::Tcp(host, port) => (host, port),
            ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                ..
            } => (host, port),
            _ => return Err(BadRedisUrl),
        };
        let address = format!("{host}:{port}");
        // Pushes, by which a lost connection and messages are told, come with RESP3 (Redis 6).
        let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let tcp = TcpSettings::default().set_nodelay(true);
        let info = info.set_redis_settings(redis).set_tcp_settings(tcp);
        let client = Client::open(info).map_err(|_| BadRedisUrl)?;
        Ok(Self { client, address })
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({})", self.address)
    }
}

impl Redis {
    /// Connects, for `service`, and stays connected. A Redis that is down is a line in the log; one that is silent keeps
    /// the caller waiting for a second.
    pub async fn open(
        url: &RedisUrl,
        service: &'static str,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        Self::hearing(url, service, None, tracker, stop).await
    }

    /// The same, which hands on what it hears.
    pub(crate) async fn hearing(
        url: &RedisUrl,
        service: &'static str,
        hears: Option<Hears>,
        tracker: &TaskTracker,
        stop: &CancellationToken,
    ) -> Self {
        metrics::describe_gauge!(
            "redis_connected",
            Unit::Count,
            "1 while a service has a connection to Redis, 0 while it goes on without."
        );
        let connected = metrics::gauge!("redis_connected", "service" => service);
        connected.set(0.0);
        let redis = Self(Arc::new(Inner {
            client: url.client.clone(),
            service,
            address: url.address.clone(),
            live: RwLock::new(None),
            lost: Notify::new(),
            connected,
        }));
        let first = redis.connect(hears.as_ref()).await;
        tracker.spawn(redis.clone().keep(first, hears, stop.clone()));
        redis
    }

    /// Does `work` with the connection.
    ///
    /// # Errors
    /// There is no connection (told at once), it broke or fell silent (within a fifth of a second), or Redis refused.
    /// Any of these costs the connection, so that the next caller is told at once.
    pub async fn run<T, F>(&self, work: impl FnOnce(MultiplexedConnection) -> F) -> Result<T, NoRedis>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let Live { connection, since } = self.live().ok_or(NoRedis)?;
        work(connection).await.map_err(|error| {
            self.lose(since, &error);
            NoRedis
        })
    }

    /// Whether there is a connection now. It is looked at each second.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.live().is_some()
    }

    /// Since when there has been this connection.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.live().map(|live| live.since)
    }

    fn live(&self) -> Option<Live> {
        self.0.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Watches, and connects again, until `stop`.
    async fn keep(self, first: RedisResult<Connected>, hears: Option<Hears>, stop: CancellationToken) {
        let mut told = false;
        let work = async {
            let mut next = first;
            loop {
                match next {
                    Ok(connected) => {
                        let since = connected.live.since;
                        if let Some(why) = self.watch(connected, hears.as_ref()).await {
                            self.lose(since, &why);
                        }
                        told = true;
                    }
                    Err(why) if !told => {
                        self.tell_lost(&why);
                        told = true;
                    }
                    Err(_) => {}
                }
                tokio::time::sleep(RETRY).await;
                next = self.connect(hears.as_ref()).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }

    async fn connect(&self, hears: Option<&Hears>) -> RedisResult<Connected> {
        let (sender, pushes) = mpsc::unbounded_channel();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_push_sender(sender);
        let client = &self.0.client;
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        // A write: one that is full, or a copy that only reads, is of no use. One that knows no `PXAT` (before 6.2) is of
        // none either: what is written late must not last longer. This one has ended before it is written.
        let key = format!("souk:probe:{}", self.0.service);
        let mut probe = redis::cmd("SET");
        probe.arg(key).arg(1).arg("PXAT").arg(1);
        probe.query_async::<()>(&mut connection).await?;
        if let Some(hears) = hears {
            connection.subscribe(&hears.channel).await?;
        }
        let since = Instant::now();
        let live = Live { connection, since };
        *self.0.live.write().unwrap_or_else(PoisonError::into_inner) = Some(live.clone());
        self.0.connected.set(1.0);
        tracing::info!(service = self.0.service, redis = %self.0.address, "Redis answers");
        Ok(Connected { live, pushes })
    }

    /// Hands on what comes, until the connection is of no use. Says why, unless that was told.
    async fn watch(&self, connected: Connected, hears: Option<&Hears>) -> Option<RedisError> {
        let Connected { live, mut pushes } = connected;
        let (mut connection, since) = (live.connection, live.since);
        loop {
            tokio::select! {
                () = self.0.lost.notified() => {
                    // What is left of an earlier connection's end says nothing of this one.
                    if self.since() != Some(since) {
                        return None;
                    }
                }
                push = pushes.recv() => match push {
                    Some(PushInfo { kind: PushKind::Message, data }) => {
                        if let (Some(hears), Some(Value::BulkString(message))) = (hears, data.last()) {
                            (hears.message)(message);
                        }
                    }
                    Some(PushInfo { kind: PushKind::Disconnection, .. }) | None => return Some(broken()),
                    Some(_) => {}
                },
                () = tokio::time::sleep(LOOK) => {
                    if let Err(why) = redis::cmd("PING").query_async::<()>(&mut connection).await {
                        return Some(why);
                    }
                }
            }
        }
    }

    /// Gives up the connection that there has been since `since`; one that came after it stays.
    fn lose(&self, since: Instant, why: &RedisError) {
        {
            let mut live = self.0.live.write().unwrap_or_else(PoisonError::into_inner);
            if live.as_ref().is_none_or(|live| live.since != since) {
                return;
            }
            *live = None;
        }
        self.0.connected.set(0.0);
        self.tell_lost(why);
        self.0.lost.notify_one();
    }

    fn tell_lost(&self, why: &RedisError) {
        tracing::warn!(service = self.0.service, redis = %self.0.address, error = %why,
            "Redis does not answer; this process goes on without it and tries again");
    }
}

fn broken() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.0.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // OPS-3
    #[test]
    fn an_address_of_redis_is_read_and_its_password_never_shown() {
        for good in [
            "redis://localhost",
            "redis://:hunter2@cache:6380/3",
            "rediss://user:hunter2@cache.example:6379",
        ] {
            let url = RedisUrl::parse(good).unwrap();
            assert!(!format!("{url:?}").contains("hunter2"));
        }
        for bad in [
            "",
            "cache:6379",
            "http://cache",
            "unix:///run/redis",
            "redis://",
            "rediss://h/#insecure",
        ] {
            let error = RedisUrl::parse(bad).unwrap_err();
            assert!(error.to_string().contains("redis://"), "{bad}");
        }
        let wrong = RedisUrl::parse("http://:hunter2@cache").unwrap_err();
        assert!(!wrong.to_string().contains("hunter2"));
    }
}
