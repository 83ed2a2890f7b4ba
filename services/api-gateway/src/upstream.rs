//! The services behind the gateway, each with a breaker: one that is down is not asked again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use futures::future::join_all;
use http::{Request, Response};
use runtime::{Breaker, CallError, Condition, Health, Neighbour, Shared};
use tokio::time::timeout;

use crate::NAME;
use crate::body::Watch;
use crate::config::Neighbours;
use crate::error::Failure;
use crate::routes::Upstream;

/// How long a service may take to say how it is.
const HEALTH_WITHIN: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(crate) struct Upstreams {
    neighbours: Neighbours,
    breakers: [Breaker; 4],
}

/// The most of a service's answer about itself that is read, in bytes.
const HEALTH_AT_MOST: usize = 16 * 1024;

/// How one service is, as the gateway sees it.
pub(crate) struct Seen {
    pub(crate) name: &'static str,
    /// What it says of itself, or a word for why it says nothing.
    pub(crate) status: String,
    pub(crate) dependencies: BTreeMap<String, Condition>,
    pub(crate) latency: Duration,
}

impl Upstreams {
    pub(crate) fn new(neighbours: Neighbours, shared: &Shared) -> Self {
        Self {
            neighbours,
            breakers: Upstream::ALL
                .map(|upstream| Breaker::new(Arc::clone(&shared.clock)).shown(NAME, upstream.name())),
        }
    }

    /// Sends `request` to `upstream` and waits for the head of the answer. `limit` counts the service's time, not the
    /// client's; no call takes longer than `limit` and `client` together.
    pub(crate) async fn call(
        &self,
        upstream: Upstream,
        request: Request<Body>,
        watch: &Watch,
        limit: Duration,
        client: Duration,
    ) -> Result<Response<Body>, Failure> {
        let (neighbour, breaker) = self.find(upstream);
        breaker
            .permit()
            .map_err(|after| Failure::Resting(upstream, after))?;
        let answer = tokio::select! {
            answer = neighbour.call(request, limit + client) => answer,
            () = watch.service_exceeds(limit) => Err(CallError::TimedOut),
        };
        // Where the client broke its body off, the service failed in nothing.
        if watch.cut().is_none() || answer.is_ok() {
            // A service that answers is there, whatever it says.
            let there = matches!(answer, Ok(_) | Err(CallError::Panicked));
            breaker.record(there);
        }
        answer.map_err(|error| match error {
            CallError::Unreachable(why) => Failure::Unreachable(upstream, why),
            CallError::TimedOut => Failure::TimedOut(upstream),
            CallError::Panicked => Failure::Panicked(upstream),
        })
    }

    /// Asks each service how it is, all at once.
    pub(crate) async fn health(&self) -> Vec<Seen> {
        join_all(Upstream::ALL.map(|upstream| async move {
            let started = Instant::now();
            let said = timeout(HEALTH_WITHIN, self.ask_health(upstream)).await;
            let (status, dependencies) = match said {
                Ok(Ok(health)) => (health.status, health.dependencies),
                Ok(Err(word)) => (word.to_owned(), BTreeMap::new()),
                Err(_) => ("timeout".to_owned(), BTreeMap::new()),
            };
            Seen {
                name: upstream.name(),
                status,
                dependencies,
                latency: started.elapsed(),
            }
        }))
        .await
    }

    async fn ask_health(&self, upstream: Upstream) -> Result<Health, &'static str> {
        let (neighbour, _) = self.find(upstream);
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = http::Uri::from_static("/health/all");
        let answer = match neighbour.call(request, HEALTH_WITHIN).await {
            Ok(answer) => answer.into_body(),
            Err(CallError::TimedOut) => return Err("timeout"),
            Err(CallError::Unreachable(_) | CallError::Panicked) => return Err("unreachable"),
        };
        let body = axum::body::to_bytes(Body::new(answer), HEALTH_AT_MOST).await;
        let health = body.ok().and_then(|body| serde_json::from_slice(&body).ok());
        health.ok_or("unavailable")
    }

    fn find(&self, upstream: Upstream) -> (&Neighbour, &Breaker) {
        let [user, product, order, payment] = &self.breakers;
        match upstream {
            Upstream::User => (&self.neighbours.user, user),
            Upstream::Product => (&self.neighbours.product, product),
            Upstream::Order => (&self.neighbours.order, order),
            Upstream::Payment => (&self.neighbours.payment, payment),
        }
    }
}
