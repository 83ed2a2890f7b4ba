//! order-service: orders, their state machine, and the sagas that check them out and take them back.

mod config;
mod domain;
mod error;
mod events;
mod http;
mod jobs;
mod mailer;
pub mod operator;
mod ops;
mod peers;
mod rpc;
mod sagas;
mod series;
mod state;
mod store;

use std::sync::Arc;

use runtime::{App, Ports, Readiness, ServiceIdentity, Settings, Shared, StartError, Worker};
use souk_http::request_layer;
use sqlx::PgPool;
use sqlx::migrate::Migrator;

pub use config::{Config, Neighbours};
pub use domain::{Party, Rates, Status, TrackingLinks, Verdict};
pub use error::OrderError;
pub use mailer::MailSettings;
pub use state::AppState;

/// The service's name in the topology.
pub const NAME: &str = "order-service";
/// Where it listens where no setting says otherwise.
pub const PORTS: Ports = Ports {
    public: 3003,
    internal: Some(4003),
    metrics: None,
};
/// The service's own tables.
pub static MIGRATIONS: Migrator = sqlx::migrate!();

/// The lists of migrations, each with the table that remembers what was applied.
const LISTS: [(&str, &Migrator); 2] = [
    (saga::HISTORY, &saga::MIGRATIONS),
    ("_sqlx_migrations", &MIGRATIONS),
];

/// Applies what is missing of all migrations.
///
/// # Errors
/// See [`pg::MigrateError`].
pub async fn migrate(pool: &PgPool) -> Result<(), pg::MigrateError> {
    pg::migrate_all(pool, &LISTS).await
}

/// The service as `settings` say, its neighbours in other processes.
///
/// # Errors
/// Every mistake in the settings, or what [`build`] meets.
pub async fn start(mut settings: Settings, shared: Shared) -> Result<App, StartError> {
    let config = Config::read(&mut settings);
    let neighbours = Neighbours::remote(&mut settings);
    settings.finish()?;
    build(config, neighbours, shared).await
}

/// The service: its routes, its gRPC, its workers.
///
/// # Errors
/// See [`AppState::new`].
pub async fn build(config: Config, neighbours: Neighbours, shared: Shared) -> Result<App, StartError> {
    let identity = ServiceIdentity::new(NAME, config.identity_secrets.clone(), Arc::clone(&shared.clock));
    let state = AppState::new(config, neighbours, &shared).await?;
    Ok(app(state, identity, &shared))
}

/// The App around `state`.
#[must_use]
pub fn app(state: AppState, identity: ServiceIdentity, shared: &Shared) -> App {
    let public = request_layer(http::router(state.clone()), NAME);
    let (checkout, cancellation) = (state.checkout.clone(), state.cancellation.clone());
    let queues = state.queues.clone();
    let prune = jobs::prune(state.db.clone(), Arc::clone(&state.clock));
    let gauges = series::gauges(&state);
    App::new(NAME, public, readiness(state.db.clone()), shared)
        .with_metrics()
        .with_dependencies(state.dependencies.clone())
        .with_worker(Worker::new("gauges", move |stop| gauges.clone().work(stop)))
        .with_internal(rpc::router(state, identity))
        .with_worker(Worker::new("checkout", move |stop| checkout.clone().work(stop)))
        .with_worker(Worker::new("cancellation", move |stop| {
            cancellation.clone().work(stop)
        }))
        .with_worker(Worker::new("jobs", move |stop| queues.clone().work(stop)))
        .with_worker(prune)
}

/// The public routes as OpenAPI 3.1.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    http::openapi()
}

fn readiness(db: PgPool) -> Readiness {
    Arc::new(move || {
        let db = db.clone();
        Box::pin(async move { pg::ready(&db, &LISTS).await })
    })
}
