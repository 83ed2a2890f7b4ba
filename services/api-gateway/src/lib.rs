//! The one entry of the shop: finds the service for a path, checks the token, bounds what a client may send and
//! how often, and lets nothing inward or outward that does not belong there. It has no database.

mod body;
mod client;
mod config;
mod cors;
mod entry;
mod error;
mod forward;
mod headers;
mod pages;
mod path;
mod policy;
mod rate;
mod routes;
mod series;
mod shared_rate;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use cache::Redis;
use runtime::{App, Ports, Readiness, ServiceIdentity, Settings, Shared, StartError, Worker};
use souk_http::{Verifier, keys_from, redis_dependency, request_layer, with_fallbacks};

pub use config::{Config, Neighbours, RateNumbers, Timeouts};
pub use cors::Origins;

use entry::Entry;
use forward::Gateway;
use policy::Policies;
use routes::TABLE;
use shared_rate::SharedLimiter;
use upstream::Upstreams;

/// The service's name in the topology.
pub const NAME: &str = "api-gateway";
/// Where it listens unless a setting says otherwise.
pub const PORTS: Ports = Ports {
    public: 8080,
    internal: None,
    metrics: Some(9100),
};

/// How long user-service may take to tell its keys.
const KEYS_WITHIN: Duration = Duration::from_secs(2);
/// How often idle keys of the rate limiter are forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// Reads the settings and builds the gateway with its services in other processes.
pub async fn start(mut settings: Settings, shared: Shared) -> Result<App, StartError> {
    let config = Config::read(&mut settings);
    let neighbours = Neighbours::remote(&mut settings);
    settings.finish()?;
    build(config, neighbours, shared).await
}

/// The wiring.
pub async fn build(config: Config, neighbours: Neighbours, shared: Shared) -> Result<App, StartError> {
    let identity = ServiceIdentity::new(NAME, config.identity_secrets.clone(), Arc::clone(&shared.clock));
    let keys = neighbours
        .user_rpc
        .clone()
        .rpc(identity, "user-service", KEYS_WITHIN);
    let verifier = Verifier::new(
        keys_from(keys, config.jwks_file.clone()),
        Arc::clone(&shared.clock),
    );
    series::begin();
    let redis = match config.redis.as_ref().filter(|_| config.rates.on) {
        Some(url) => Some(Redis::open(url, NAME, &shared.tracker, &shared.stop).await),
        None => None,
    };
    let dependencies = redis.iter().map(redis_dependency).collect();
    let together = redis.map(SharedLimiter::new);
    let policies = Policies::new(&config.rates, together, Arc::clone(&shared.clock));
    let policies = Arc::new(policies);
    let gateway = Gateway::new(
        verifier,
        Arc::clone(&policies),
        Upstreams::new(neighbours, &shared),
        config.timeouts,
        dependencies,
    );

    let mut router = Router::new();
    for route in TABLE {
        for pattern in route.patterns() {
            router = router.route(
                &pattern,
                any(move |state, request| forward::handle(state, route, request)),
            );
        }
    }
    let router = with_fallbacks(router.merge(pages::router())).with_state(gateway);
    // It has nothing of its own that could fail: a dead service must not take the others' entry away (OPS-1).
    let readiness: Readiness = Arc::new(|| Box::pin(async { Ok(()) }));
    let mut app = App::new(NAME, router, readiness, &shared);
    app.public = Entry::new(&config, request_layer(app.public, NAME)).into_router();

    let prune = move |stop: tokio_util::sync::CancellationToken| {
        let policies = Arc::clone(&policies);
        async move {
            while stop
                .run_until_cancelled(tokio::time::sleep(PRUNE_EVERY))
                .await
                .is_some()
            {
                policies.prune();
            }
        }
    };
    Ok(app.with_worker(Worker::new("rate limit keys", prune)))
}
