//! user-service: accounts, sessions, access and refresh tokens, roles, and the keys that sign tokens.

mod argon2id;
mod config;
mod domain;
mod error;
mod hasher;
mod http;
mod jobs;
mod keyring;
pub mod operator;
mod ops;
mod refresh_token;
mod rpc;
mod sealer;
mod series;
mod state;
mod store;

use std::sync::Arc;

use runtime::{App, Clock, Ports, Readiness, ServiceIdentity, Settings, Shared, StartError, Worker};
use souk_http::{SessionCopy, Verifier, redis_dependency, request_layer};
use sqlx::PgPool;

pub use config::Config;
pub use domain::{BadPassword, KeyTimes, Lifetimes, PasswordRules};
pub use error::UserError;
pub use hasher::{Hashing, Scheme};

use crate::hasher::Hasher;
use crate::keyring::Keyring;
use crate::refresh_token::RefreshKey;
use crate::sealer::Sealer;
use crate::state::AppState;

/// The service's name in the topology.
pub const NAME: &str = "user-service";
/// Where it listens where no setting says otherwise.
pub const PORTS: Ports = Ports {
    public: 3001,
    internal: Some(4001),
    metrics: None,
};
/// The service's own tables.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();
/// The table that remembers what was applied of them.
const LISTS: [(&str, &sqlx::migrate::Migrator); 1] = [("_sqlx_migrations", &MIGRATIONS)];

/// The domain of the demo's accounts, whose password is published.
const DEMO_DOMAIN: &str = "demo.souk";

/// Applies what is missing of all migrations.
///
/// # Errors
/// See [`pg::MigrateError`].
pub async fn migrate(pool: &PgPool) -> Result<(), pg::MigrateError> {
    pg::migrate(pool, &MIGRATIONS).await
}

/// The service as `settings` say.
///
/// # Errors
/// Every mistake in the settings, or what [`build`] meets.
pub async fn start(mut settings: Settings, shared: Shared) -> Result<App, StartError> {
    let config = Config::read(&mut settings);
    settings.finish()?;
    build(config, shared).await
}

/// The service: its routes, its gRPC, its worker. It calls no other service.
///
/// # Errors
/// The database does not answer, a signing key cannot be opened, or demo accounts are there in production.
pub async fn build(config: Config, shared: Shared) -> Result<App, StartError> {
    let db = pg::connect(&config.database).await?;
    if config.migrate_on_start {
        migrate(&db).await?;
    }
    let clock = Arc::clone(&shared.clock);
    let keyring = keyring(&config, db.clone(), Arc::clone(&clock));
    // A database that is still to be migrated keeps the service from being ready, not from starting.
    if !pg::pending(&db, &LISTS).await? {
        refuse_demo_accounts(&db, config.production).await?;
        keyring.signer().await?;
    }
    let copy = SessionCopy::at(config.redis.as_ref(), NAME, &shared).await;
    let redis = copy.as_ref().map(|copy| redis_dependency(copy.redis()));
    let app = AppState {
        copy,
        hasher: Hasher::start(config.hashing).await?,
        keyring: keyring.clone(),
        refresh_key: RefreshKey::new(&config.key_secrets),
        lifetimes: config.lifetimes,
        password_rules: config.password_rules,
        open_seller_signup: config.open_seller_signup,
        verifier: Verifier::new(state::own_keys(db.clone()), Arc::clone(&clock)),
        sessions: state::own_sessions(db.clone(), Arc::clone(&clock)),
        db: db.clone(),
        clock: Arc::clone(&clock),
    };
    let identity = ServiceIdentity::new(NAME, config.identity_secrets, Arc::clone(&clock));
    let public = request_layer(http::router(app.clone()), NAME);
    let gauges = series::gauges(db.clone(), Arc::clone(&clock));
    Ok(
        App::new(NAME, public, readiness(db.clone(), config.production), &shared)
            .with_metrics()
            .with_dependencies(Vec::from_iter(redis))
            .with_worker(Worker::new("gauges", move |stop| gauges.clone().work(stop)))
            .with_internal(rpc::router(app, identity))
            .with_worker(jobs::worker(db, keyring, clock)),
    )
}

/// The public routes as OpenAPI 3.1.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    http::openapi()
}

fn keyring(config: &Config, db: PgPool, clock: Arc<dyn Clock>) -> Keyring {
    let times = KeyTimes {
        access: config.lifetimes.access,
        rotation: config.key_rotation,
    };
    Keyring::new(db, Sealer::new(&config.key_secrets), times, clock)
}

/// The database answers and is migrated, and no demo account can sign in to a shop of real people (AUT-2).
fn readiness(db: PgPool, production: bool) -> Readiness {
    let looked = Arc::new(tokio::sync::OnceCell::new());
    Arc::new(move || {
        let (db, looked) = (db.clone(), Arc::clone(&looked));
        Box::pin(async move {
            pg::ready(&db, &LISTS).await?;
            let look = || refuse_demo_accounts(&db, production);
            looked.get_or_try_init(look).await.map_err(|e| e.to_string())?;
            Ok(())
        })
    })
}

async fn refuse_demo_accounts(db: &PgPool, production: bool) -> Result<(), StartError> {
    if production && store::users::any_at(&mut *db.acquire().await?, DEMO_DOMAIN).await? {
        return Err(format!(
            "there are accounts at @{DEMO_DOMAIN}, whose password everybody knows; remove them before running \
             in production: delete from users where email like '%@{DEMO_DOMAIN}'"
        )
        .into());
    }
    Ok(())
}
