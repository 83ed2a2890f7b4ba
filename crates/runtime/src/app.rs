//! One service, built and ready to be served: alone in a process or beside four others.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use futures::future::BoxFuture;
use http::StatusCode;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::Clock;

use crate::dependency::{Condition, DEGRADED, Dependency, Health, OK};
use crate::telemetry;

/// What all services of one process share.
#[derive(Clone)]
pub struct Shared {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Every task of the process is spawned here, so that shutdown can wait for it.
    pub tracker: TaskTracker,
    /// Cancelled when workers must stop between two writes.
    pub stop: CancellationToken,
    draining: Arc<AtomicBool>,
}

impl Shared {
    /// For a process that starts now.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            draining: Arc::default(),
        }
    }

    /// Whether the process has been told to stop and takes no new work.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

/// Whether the service can do its work: its own database answers and is migrated. Says what is missing.
pub type Readiness = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

type Work = Arc<dyn Fn(CancellationToken) -> BoxFuture<'static, ()> + Send + Sync>;

/// A loop that runs beside the requests until its token is cancelled. One that panics is started again.
#[derive(Clone)]
pub struct Worker {
    pub(crate) name: &'static str,
    pub(crate) work: Work,
}

impl Worker {
    /// A worker called `name` in logs.
    pub fn new<F, W>(name: &'static str, work: W) -> Self
    where
        W: Fn(CancellationToken) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            name,
            work: Arc::new(move |stop| Box::pin(work(stop))),
        }
    }
}

/// A built service.
pub struct App {
    /// Its name in the topology, such as `order-service`.
    pub name: &'static str,
    /// What the world may call, health and metrics included.
    pub public: Router,
    /// What other services may call (gRPC); wants a service token.
    pub internal: Option<Router>,
    /// Its background work.
    pub workers: Vec<Worker>,
    /// Whether it can do its work.
    pub(crate) readiness: Readiness,
}

impl App {
    /// Puts a service together and adds `/live`, `/startup`, `/ready` and `/health` to its public router.
    #[must_use]
    pub fn new(name: &'static str, public: Router, readiness: Readiness, shared: &Shared) -> Self {
        let draining = shared.clone();
        let readiness: Readiness = Arc::new(move || match draining.draining() {
            true => Box::pin(async { Err("draining".to_owned()) }),
            false => readiness(),
        });
        let ready = {
            let readiness = Arc::clone(&readiness);
            move || {
                let readiness = Arc::clone(&readiness);
                async move {
                    match readiness().await {
                        Ok(()) => (StatusCode::OK, axum::Json(json!({"status": OK, "service": name}))),
                        Err(why) => (
                            StatusCode::SERVICE_UNAVAILABLE,
                            axum::Json(json!({"status": "unavailable", "service": name, "reason": why})),
                        ),
                    }
                }
            }
        };
        let live = || async { axum::Json(json!({"status": OK})) };
        let health = Router::new()
            .route("/live", get(live))
            .route("/startup", get(ready.clone()))
            .route("/ready", get(ready.clone()))
            .route("/health", get(ready));
        Self {
            name,
            public: public.merge(health),
            internal: None,
            workers: Vec::new(),
            readiness,
        }
    }

    /// Adds `/health/all`, which tells of what the service uses: 200 as long as the service is ready, whatever it has to
    /// do without. The gateway leaves it out: there it tells of all services.
    #[must_use]
    pub fn with_dependencies(mut self, dependencies: Vec<Dependency>) -> Self {
        let (name, readiness) = (self.name, Arc::clone(&self.readiness));
        let dependencies: Arc<[Dependency]> = dependencies.into();
        let health = move || {
            let (readiness, dependencies) = (Arc::clone(&readiness), Arc::clone(&dependencies));
            async move {
                let (ready, dependencies) = tokio::join!(readiness(), Dependency::all(&dependencies));
                let (code, status) = match ready {
                    Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
                    Ok(()) if dependencies.values().all(Condition::is_ok) => (StatusCode::OK, OK),
                    Ok(()) => (StatusCode::OK, DEGRADED),
                };
                let health = Health {
                    status: status.to_owned(),
                    service: name.to_owned(),
                    dependencies,
                };
                (code, axum::Json(health))
            }
        };
        self.public = self.public.route("/health/all", get(health));
        self
    }

    /// Adds `/metrics` to the public router. The gateway leaves it out: there it has an address of its own.
    #[must_use]
    pub fn with_metrics(mut self) -> Self {
        self.public = self.public.merge(metrics_router());
        self
    }

    /// Adds the internal router.
    #[must_use]
    pub fn with_internal(mut self, internal: Router) -> Self {
        self.internal = Some(internal);
        self
    }

    /// Adds a worker.
    #[must_use]
    pub fn with_worker(mut self, worker: Worker) -> Self {
        self.workers.push(worker);
        self
    }
}

/// `/metrics` in Prometheus's text format.
pub(crate) fn metrics_router() -> Router {
    Router::new().route(
        "/metrics",
        get(|| async {
            (
                [(http::header::CONTENT_TYPE, "text/plain; version=0.0.4")],
                telemetry::render_metrics(),
            )
                .into_response()
        }),
    )
}
