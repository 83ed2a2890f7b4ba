//! How often whom may call what, and the headers that tell.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use types::{Clock, UserId};

use crate::config::RateNumbers;
use crate::rate::{Decision, Limiter, Quota};
use crate::shared_rate::SharedLimiter;

/// A limit of its own: calls under one do not count under another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Policy {
    Auth,
    Search,
    Images,
    Checkout,
    Payments,
    Webhook,
    Default,
}

impl Policy {
    /// Every policy.
    pub(crate) const ALL: [Self; 7] = [
        Self::Auth,
        Self::Search,
        Self::Images,
        Self::Checkout,
        Self::Payments,
        Self::Webhook,
        Self::Default,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Search => "search",
            Self::Images => "images",
            Self::Checkout => "checkout",
            Self::Payments => "payments",
            Self::Webhook => "webhook",
            Self::Default => "default",
        }
    }

    /// Where accounts are cheap or stolen, the address counts and not the account.
    fn by_address(self) -> bool {
        match self {
            Self::Auth | Self::Payments | Self::Webhook => true,
            Self::Search | Self::Images | Self::Checkout | Self::Default => false,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Who {
    User(UserId),
    V4(u32),
    /// The first 64 bits: whoever has one address of a network has all.
    V6(u64),
}

impl From<IpAddr> for Who {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::V6((v6.to_bits() >> 64) as u64),
        }
    }
}

/// As a key in Redis names one.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user:{user}"),
            Self::V4(bits) => write!(f, "v4:{bits:08x}"),
            Self::V6(bits) => write!(f, "v6:{bits:016x}"),
        }
    }
}

/// All limits: counted together with the other gateways, or in this process alone while that cannot be.
pub(crate) struct Policies {
    shared: Option<SharedLimiter>,
    limiter: Limiter<(Policy, Who)>,
    numbers: RateNumbers,
    clock: Arc<dyn Clock>,
}

/// What a limit said of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    policy: Policy,
    quota: Quota,
    decision: Decision,
    legacy: bool,
}

impl Policies {
    pub(crate) fn new(numbers: &RateNumbers, shared: Option<SharedLimiter>, clock: Arc<dyn Clock>) -> Self {
        Self {
            shared,
            limiter: Limiter::new(),
            numbers: *numbers,
            clock,
        }
    }

    /// Counts a call. `None` where nothing is limited.
    pub(crate) async fn take(
        &self,
        policy: Policy,
        address: IpAddr,
        user: Option<UserId>,
    ) -> Option<Verdict> {
        if !self.numbers.on {
            return None;
        }
        let whole = self.quota(policy);
        let who = match user {
            Some(user) if !policy.by_address() => Who::User(user),
            _ => Who::from(address),
        };
        let shared = match &self.shared {
            Some(shared) => shared.take(policy.name(), &who, whole).await,
            None => None,
        };
        let (quota, decision) = match shared {
            Some(decision) => (whole, decision),
            None => {
                let part = whole.part_of(self.numbers.gateways);
                (part, self.limiter.take((policy, who), part, self.now()))
            }
        };
        if !decision.allowed {
            metrics::counter!("gateway_rate_limited_total", "service" => crate::NAME, "policy" => policy.name())
                .increment(1);
        }
        Some(Verdict {
            policy,
            quota,
            decision,
            legacy: self.numbers.legacy_headers,
        })
    }

    /// Forgets whoever has not called for long enough.
    pub(crate) fn prune(&self) {
        self.limiter.prune(self.now());
    }

    fn quota(&self, policy: Policy) -> Quota {
        let even = |n| Quota {
            per_minute: n,
            burst: n,
        };
        match policy {
            Policy::Auth => Quota {
                per_minute: self.numbers.auth,
                burst: self.numbers.auth_burst,
            },
            Policy::Search => even(self.numbers.search),
            Policy::Images => even(self.numbers.images),
            Policy::Checkout => even(self.numbers.checkout),
            Policy::Payments => even(self.numbers.payments),
            Policy::Webhook => even(self.numbers.webhook),
            Policy::Default => even(self.numbers.other),
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.clock.now().unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
    }
}

impl Verdict {
    /// When to call again, if the call was refused.
    pub(crate) fn refused(&self) -> Option<Duration> {
        (!self.decision.allowed).then(|| Duration::from_secs(self.seconds()))
    }

    /// Tells the client, as draft-ietf-httpapi-ratelimit-headers-09 has it. The draft may still change: this
    /// function and its test are all that knows it.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let (name, quota, left, reset) = (
            self.policy.name(),
            self.quota.per_minute,
            self.decision.remaining,
            self.seconds(),
        );
        let mut put = |header: &'static str, text: String| {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(HeaderName::from_static(header), value);
            }
        };
        put("ratelimit-policy", format!("\"{name}\";q={quota};w=60"));
        put("ratelimit", format!("\"{name}\";r={left};t={reset}"));
        if self.legacy {
            put("x-ratelimit-limit", quota.to_string());
            put("x-ratelimit-remaining", left.to_string());
            put("x-ratelimit-reset", reset.to_string());
        }
    }

    /// Whole seconds, so that whoever waits them out is let in.
    fn seconds(&self) -> u64 {
        let reset = self.decision.reset;
        (reset.as_secs() + u64::from(reset.subsec_nanos() > 0)).max(1)
    }
}
