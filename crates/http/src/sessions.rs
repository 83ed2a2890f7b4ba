//! A fast copy, in Redis, of what user-service knows of sessions. user-service's table is the truth: what the copy does not
//! know is asked there. That a session has ended is told to the copy by user-service; that one stands is believed for
//! so short a time that a telling which was lost does no harm (AUT-8).

use std::sync::Arc;
use std::time::Duration;

use cache::{Redis, RedisUrl, redis};
use runtime::{Dependency, Shared};

use crate::caller::SessionCheck;

/// How long an answer of user-service is believed, counted from the question.
const BELIEVED: Duration = Duration::from_secs(4);

/// The copy. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SessionCopy(Redis);

impl SessionCopy {
    /// The copy in the Redis at `url`, for `service`; none without a Redis.
    pub async fn at(url: Option<&RedisUrl>, service: &'static str, shared: &Shared) -> Option<Self> {
        match url {
            Some(url) => Some(Self::open(url, service, shared).await),
            None => None,
        }
    }

    /// The copy in the Redis at `url`, for `service`.
    pub async fn open(url: &RedisUrl, service: &'static str, shared: &Shared) -> Self {
        Self(Redis::open(url, service, &shared.tracker, &shared.stop).await)
    }

    /// The Redis that it is in.
    #[must_use]
    pub fn redis(&self) -> &Redis {
        &self.0
    }

    /// Looks into the copy, and asks `truth` what it does not know.
    #[must_use]
    pub fn before(self, truth: SessionCheck) -> SessionCheck {
        Arc::new(move |session| {
            let (copy, truth) = (self.clone(), Arc::clone(&truth));
            Box::pin(async move {
                let looked = copy.find(&session).await;
                if let Some((_, Some(stands))) = looked {
                    return Ok(stands);
                }
                let stands = truth(session.clone()).await?;
                if let Some((at, None)) = looked {
                    copy.believe(&session, stands, at + millis(BELIEVED)).await;
                }
                Ok(stands)
            })
        })
    }

    /// Tells the copy that `sessions` have ended: after the commit that ended them, and for as long as an access token
    /// of theirs may live. Where this fails, the copy learns it within the four seconds that an answer is believed.
    pub async fn ended(&self, sessions: &[String], for_as_long: Duration) {
        if sessions.is_empty() {
            return;
        }
        let mut pipe = redis::pipe();
        for session in sessions {
            pipe.cmd("SET")
                .arg(key(session))
                .arg(0)
                .arg("PX")
                .arg(millis(for_as_long))
                .ignore();
        }
        let run = async |mut connection| pipe.query_async::<()>(&mut connection).await;
        drop(self.0.run(run).await);
    }

    /// What it knows of the session, and what time it is by Redis's clock, in milliseconds since the epoch; none without
    /// Redis.
    async fn find(&self, session: &str) -> Option<(u64, Option<bool>)> {
        let mut look = redis::pipe();
        look.cmd("TIME").cmd("GET").arg(key(session));
        let run = async |mut connection| look.query_async(&mut connection).await;
        let ((seconds, micros), found): ((u64, u64), Option<u8>) = self.0.run(run).await.ok()?;
        Some((seconds * 1_000 + micros / 1_000, found.map(|word| word == 1)))
    }

    /// Until that moment, however late Redis gets to it. Never over what is there: that a session has ended may have been
    /// told since it was asked for.
    async fn believe(&self, session: &str, stands: bool, until: u64) {
        let mut set = redis::cmd("SET");
        set.arg(key(session))
            .arg(u8::from(stands))
            .arg("NX")
            .arg("PXAT")
            .arg(until);
        let run = async |mut connection| set.query_async::<()>(&mut connection).await;
        drop(self.0.run(run).await);
    }
}

/// `ask`, with the copy before it where there is a Redis.
#[must_use]
pub fn sessions_copied(copy: Option<&SessionCopy>, ask: SessionCheck) -> SessionCheck {
    match copy {
        Some(copy) => copy.clone().before(ask),
        None => ask,
    }
}

/// How the connection to Redis is, for `/health/all`.
#[must_use]
pub fn redis_dependency(redis: &Redis) -> Dependency {
    let redis = redis.clone();
    Dependency::new("redis", move || {
        std::future::ready(if redis.is_connected() {
            Ok(())
        } else {
            Err("unreachable")
        })
    })
}

fn key(session: &str) -> String {
    format!("souk:session:{session}")
}

fn millis(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}
