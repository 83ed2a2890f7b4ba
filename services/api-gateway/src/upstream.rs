//! The services behind the gateway, each with a breaker: one that is down is not asked again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use futures::future::join_all;
use http::{Request, Response, StatusCode};
use runtime::{Breaker, CallError, Neighbour, Shared};

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

/// How one service is.
pub(crate) struct Health {
    pub(crate) name: &'static str,
    pub(crate) status: &'static str,
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
    pub(crate) async fn health(&self) -> Vec<Health> {
        join_all(Upstream::ALL.map(|upstream| async move {
            let (neighbour, _) = self.find(upstream);
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = http::Uri::from_static("/health");
            let started = Instant::now();
            let status = match neighbour.call(request, HEALTH_WITHIN).await {
                Ok(answer) if answer.status() == StatusCode::OK => "ok",
                Ok(_) => "unavailable",
                Err(CallError::TimedOut) => "timeout",
                Err(CallError::Unreachable(_) | CallError::Panicked) => "unreachable",
            };
            Health {
                name: upstream.name(),
                status,
                latency: started.elapsed(),
            }
        }))
        .await
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
