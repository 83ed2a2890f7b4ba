//! The limits of [`rate`](crate::rate), counted in Redis by all gateways together: one script a call, by Redis's own time.

use std::fmt;

use cache::redis::Script;
use cache::{NoRedis, Redis};

use crate::rate::{Decision, Quota, micros};

/// Redis's time, in microseconds since the epoch: exact in a double.
const NOW: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
";

/// What `Limiter::take` does, on integers too. A key lives as long as its debt.
const TAKE: &str = "
local step, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local paid = tonumber(redis.call('GET', KEYS[1]) or now)
local debt = math.max(paid, now) - now + step
if debt > room then
  return {0, 0, debt - room}
end
redis.call('SET', KEYS[1], string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000))
local remaining = math.floor((room - debt) / step)
if remaining == 0 then
  return {1, 0, debt + step - room}
end
return {1, remaining, debt}
";

/// Counts calls by key, for all gateways.
pub(crate) struct SharedLimiter {
    redis: Redis,
    take: Script,
}

impl SharedLimiter {
    pub(crate) fn new(redis: Redis) -> Self {
        let take = Script::new(&format!("{NOW}{TAKE}"));
        Self { redis, take }
    }

    /// Takes one call of `who` under `policy`, if `quota` has room for it. `None` if Redis cannot say.
    pub(crate) async fn take(&self, policy: &str, who: impl fmt::Display, quota: Quota) -> Option<Decision> {
        let (step, room) = quota.step_and_room();
        let mut take = self.take.key(format!("souk:rate:{policy}:{who}"));
        take.arg(step).arg(room);
        let run = async |mut connection| take.invoke_async(&mut connection).await;
        let said: Result<(bool, u32, i64), NoRedis> = self.redis.run(run).await;
        said.ok().map(decision)
    }
}

fn decision((allowed, remaining, reset): (bool, u32, i64)) -> Decision {
    Decision {
        allowed,
        remaining,
        reset: micros(reset),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use cache::redis;
    use cache::testing::RedisServer;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    use super::*;
    use crate::rate::Limiter;

    // GW-6
    #[test]
    fn the_script_decides_as_the_limiter_in_the_process_does() {
        let server = RedisServer::start();
        let client = redis::Client::open(server.url()).unwrap();
        let connection = RefCell::new(client.get_connection().unwrap());
        // The same script, but for where its time is from.
        let take = Script::new(&format!("local now = tonumber(ARGV[3])\n{TAKE}"));
        // Slow rates: a debt must not end by Redis's clock while the test's stands.
        let quotas = (1..=20_u32, 1..=40_u32).prop_map(|(per_minute, burst)| Quota { per_minute, burst });
        let waits = prop_oneof![Just(0), 1..20_000_000_i64, Just(60_000_000)];
        let calls = prop::collection::vec((waits, 0..3_u8), 1..60);
        let mut runner = TestRunner::new(Config {
            cases: 60,
            failure_persistence: None,
            ..Config::default()
        });
        let round = Cell::new(0);
        let begin = 1_780_000_000_123_457_i64;
        let same = runner.run(&(quotas, calls), |(quota, calls)| {
            round.set(round.get() + 1);
            let (step, room) = quota.step_and_room();
            let limiter = Limiter::new();
            let mut now = begin;
            for (wait, who) in calls {
                now += wait;
                let mut take = take.key(format!("{}:{who}", round.get()));
                take.arg(step).arg(room).arg(now);
                let said = take.invoke(&mut *connection.borrow_mut()).unwrap();
                prop_assert_eq!(decision(said), limiter.take(who, quota, now));
            }
            Ok(())
        });
        same.unwrap();
    }
}
