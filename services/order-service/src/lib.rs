//! order-service: orders, their state machine, and the sagas that check them out and take them back.

mod config;
mod domain;
mod error;
mod events;
mod http;
mod jobs;
mod ops;
mod peers;
mod rpc;
mod sagas;
mod state;
mod store;

use std::sync::Arc;

use runtime::{App, Breaker, Ports, Readiness, ServiceIdentity, Settings, Shared, StartError, Worker};
use saga::{Engine, EngineSettings};
use souk_http::{CursorKey, Verifier, keys_from, request_layer};
use sqlx::PgPool;
use sqlx::migrate::Migrator;

pub use config::{Config, Neighbours};
pub use domain::Rates;
pub use error::OrderError;

use crate::peers::{Inventory, Payments};
use crate::sagas::cancellation::Cancellation;
use crate::sagas::checkout::Checkout;
use crate::state::AppState;

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
/// How much longer stock is held than an order waits for its money: time to take it once the money came.
const HOLD_LONGER_SECONDS: u64 = 120;

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
/// The database does not answer or cannot be migrated.
pub async fn build(config: Config, neighbours: Neighbours, shared: Shared) -> Result<App, StartError> {
    let db = pg::connect(&config.database).await?;
    if config.migrate_on_start {
        migrate(&db).await?;
    }
    let app = state(&config, neighbours, db.clone(), &shared);
    let identity = ServiceIdentity::new(NAME, config.identity_secrets, Arc::clone(&shared.clock));
    let public = request_layer(http::router(app.clone()), NAME);
    let (checkout, cancellation) = (app.checkout.clone(), app.cancellation.clone());
    let prune = jobs::prune(db.clone(), Arc::clone(&shared.clock));
    Ok(App::new(NAME, public, readiness(db), &shared)
        .with_metrics()
        .with_internal(rpc::router(app, identity))
        .with_worker(Worker::new("checkout", move |stop| checkout.clone().work(stop)))
        .with_worker(Worker::new("cancellation", move |stop| {
            cancellation.clone().work(stop)
        }))
        .with_worker(prune))
}

/// The public routes as OpenAPI 3.1.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    http::openapi()
}

fn state(config: &Config, neighbours: Neighbours, db: PgPool, shared: &Shared) -> AppState {
    let clock = Arc::clone(&shared.clock);
    let us = ServiceIdentity::new(NAME, config.identity_secrets.clone(), Arc::clone(&clock));
    let rpc = |to: runtime::Neighbour, name: &'static str| to.rpc(us.clone(), name, config.rpc_timeout);
    let user = rpc(neighbours.user, "user-service");
    let inventory = Inventory::new(rpc(neighbours.product, "product-service"));
    let breaker = Breaker::new(Arc::clone(&clock));
    let payments = Payments::new(rpc(neighbours.payment, "payment-service"), breaker);
    let hold_seconds = config.payment_window.as_secs() + HOLD_LONGER_SECONDS;
    let checkout = Checkout {
        db: db.clone(),
        inventory: inventory.clone(),
        payments: payments.clone(),
        clock: Arc::clone(&clock),
        hold_seconds: u32::try_from(hold_seconds).unwrap_or(u32::MAX),
    };
    let cancellation = Cancellation {
        inventory: inventory.clone(),
        payments: payments.clone(),
    };
    let owner = format!("{NAME}/{}", uuid::Uuid::now_v7());
    let settings = EngineSettings::new(owner, NAME);
    AppState {
        checkout: Engine::new(
            checkout,
            db.clone(),
            Arc::clone(&clock),
            shared.tracker.clone(),
            settings.clone(),
        ),
        cancellation: Engine::new(
            cancellation,
            db.clone(),
            Arc::clone(&clock),
            shared.tracker.clone(),
            settings,
        ),
        verifier: Verifier::new(keys_from(user, config.jwks_file.clone()), Arc::clone(&clock)),
        cursors: CursorKey::new(config.cursor_secret.clone()),
        rates: config.rates,
        payment_window: config.payment_window,
        answer_within: config.answer_within,
        max_open_orders: config.max_open_orders,
        inventory,
        payments,
        db,
        clock,
    }
}

fn readiness(db: PgPool) -> Readiness {
    Arc::new(move || {
        let db = db.clone();
        Box::pin(async move {
            match pg::pending(&db, &LISTS).await {
                Ok(false) => Ok(()),
                Ok(true) => Err("migrations are pending".to_owned()),
                Err(_) => Err("the database does not answer".to_owned()),
            }
        })
    })
}
