//! product-service: the catalogue, its images, and the stock that orders hold.

pub mod config;
pub mod domain;
pub mod error;
pub mod events;
mod http;
mod images;
pub mod jobs;
pub mod operator;
pub mod ops;
mod rpc;
mod series;
pub mod store;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use cache::{Cache, Caches, Tag};
use runtime::{
    App, Clock, Ports, Readiness, ServiceIdentity, Settings, Shared, StartError, Worker, require_service,
};
use souk_http::{CursorKey, Verifier, keys_from, redis_dependency, request_layer, with_fallbacks};
use sqlx::PgPool;
use types::{Currency, ProductId};
use wire::products::{Category, ProductList};
use wire::rpc::inventory::inventory_server::InventoryServer;

pub use config::{Bucket, Config, ImageConfig, ImageStore, Neighbours};
pub use images::Storage;

use crate::error::ProductError;
use crate::http::view::Shown;
use crate::images::Images;
use crate::ops::hold::Holds;
use crate::ops::hold::Shelves;
use crate::ops::quote::{Quotes, Quoting};
use crate::ops::stock::Done;

/// The service's name in the topology.
pub const NAME: &str = "product-service";
/// Where it listens if no setting says otherwise.
pub const PORTS: Ports = Ports {
    public: 3002,
    internal: Some(4002),
    metrics: None,
};
/// Its tables.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// Where the history of [`MIGRATIONS`] is kept.
const HISTORY: &str = "_sqlx_migrations";
/// How long what is cached may stand: a change shows within this (STK-13), at once where it was made.
const CACHE_LIFE: Duration = Duration::from_secs(1);
/// Products that are cached at most.
const CACHED_PRODUCTS: u64 = 10_000;
/// Pages of lists that are cached at most, of up to a hundred products each.
const CACHED_LISTS: u64 = 500;
/// How long user-service may take to answer.
const USER_DEADLINE: Duration = Duration::from_secs(2);

/// What every handler shares.
#[derive(Clone)]
pub struct AppState {
    pub(crate) db: PgPool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) currency: Currency,
    pub(crate) verifier: Verifier,
    pub(crate) cursors: CursorKey,
    pub(crate) images: Images,
    pub(crate) holds: Holds,
    /// What products cost now.
    pub(crate) quotes: Quotes,
    pub(crate) low_stock: i64,
    caches: Caches,
    /// Products by id; `None` is one that is not there.
    details: Cache<ProductId, Option<Shown>>,
    /// Pages of lists, by what was asked for.
    lists: Cache<String, ProductList>,
    categories: Cache<&'static str, Vec<Category>>,
}

impl AppState {
    /// Forgets what was cached of a product, and the lists. After the commit of its change.
    pub(crate) fn product_changed(&self, id: i64) {
        self.caches.purge(product_tag(id));
        self.caches.purge(lists_tag());
    }

    /// Forgets the cached tree, and the lists: a category's holds what is below it. After the commit of its change.
    pub(crate) fn categories_changed(&self) {
        self.caches.purge(categories_tag());
        self.caches.purge(lists_tag());
    }

    /// Counts what was done to stock, and forgets what was cached of the products. Lists stay until their time is
    /// over: else none would be cached in the hour in which the shop sells most.
    pub(crate) fn stock_changed<T>(
        &self,
        operation: &'static str,
        done: Result<Done<T>, ProductError>,
    ) -> Result<T, ProductError> {
        let outcome = match &done {
            Ok(_) => "done",
            Err(error) if error.refusal().is_some() => "refused",
            Err(_) => "failed",
        };
        metrics::counter!("stock_operations_total", "service" => NAME, "operation" => operation, "outcome" => outcome)
            .increment(1);
        let done = done?;
        done.changed
            .iter()
            .for_each(|id| self.caches.purge(product_tag(*id)));
        Ok(done.answer)
    }
}

/// What drops a cached product.
pub(crate) fn product_tag(id: i64) -> Tag {
    Tag::of("product", id)
}

/// What drops every cached list.
pub(crate) fn lists_tag() -> Tag {
    Tag::of("lists", "all")
}

/// What drops the cached tree of categories.
pub(crate) fn categories_tag() -> Tag {
    Tag::of("categories", "all")
}

/// Answers a write when other processes were told what it changed, so that whoever reads next does so too.
async fn settle(caches: Caches, request: Request, next: Next) -> Response {
    let reads = request.method().is_safe();
    let response = next.run(request).await;
    if !reads {
        caches.settled().await;
    }
    response
}

impl FromRef<AppState> for Verifier {
    fn from_ref(app: &AppState) -> Self {
        app.verifier.clone()
    }
}

/// Brings the database up to date.
///
/// # Errors
/// See [`pg::MigrateError`].
pub async fn migrate(pool: &PgPool) -> Result<(), pg::MigrateError> {
    pg::migrate(pool, &MIGRATIONS).await
}

/// Reads the settings and builds the service, with its neighbours in other processes.
///
/// # Errors
/// A setting is wrong, or the database does not answer.
pub async fn start(mut settings: Settings, shared: Shared) -> Result<App, StartError> {
    let config = Config::read(&mut settings);
    let neighbours = Neighbours::remote(&mut settings);
    settings.finish()?;
    build(config, neighbours, shared).await
}

/// Builds the service.
///
/// # Errors
/// The database does not answer or cannot be migrated, or the storage of images cannot be used. A bucket that does not
/// answer is no error.
pub async fn build(config: Config, neighbours: Neighbours, shared: Shared) -> Result<App, StartError> {
    let db = pg::connect(&config.database).await?;
    if config.migrate_on_start {
        migrate(&db).await?;
    }
    let clock = Arc::clone(&shared.clock);
    let identity = ServiceIdentity::new(NAME, config.identity_secrets, Arc::clone(&clock));
    let user = neighbours
        .user
        .rpc(identity.clone(), "user-service", USER_DEADLINE);
    let shelves = Shelves {
        db: db.clone(),
        clock: Arc::clone(&clock),
        low: config.low_stock,
    };
    let mut caches = Caches::new(NAME, CACHE_LIFE, Arc::clone(&clock));
    if let Some(redis) = &config.redis {
        caches = caches.shared(redis, &shared.tracker, &shared.stop).await;
    }
    let app = AppState {
        db: db.clone(),
        clock: Arc::clone(&clock),
        currency: config.currency,
        verifier: Verifier::new(keys_from(user, config.jwks_file), Arc::clone(&clock)),
        cursors: CursorKey::new(config.cursor_secret),
        images: Images::open(config.images, Arc::clone(&clock)).await?.shown(),
        holds: Holds::new(shelves, shared.tracker.clone()),
        quotes: Quotes::new(Quoting { db: db.clone() }, shared.tracker.clone()),
        low_stock: config.low_stock,
        details: caches.cache("products", CACHED_PRODUCTS),
        lists: caches.cache("lists", CACHED_LISTS),
        categories: caches.cache("categories", 1),
        caches: caches.clone(),
    };

    let (router, _) = http::routes().split_for_parts();
    let router = router.with_state(app.clone());
    let router = router.layer(middleware::from_fn(move |request, next| {
        settle(caches.clone(), request, next)
    }));
    let public = request_layer(with_fallbacks(router), NAME);
    let inventory = InventoryServer::new(rpc::Stock(app.clone()));
    let internal = tonic::service::Routes::new(inventory)
        .into_axum_router()
        .layer(middleware::from_fn(move |request, next| {
            require_service(identity.clone(), request, next)
        }));
    let gauges = series::gauges(&app);
    let redis = app.caches.redis().map(redis_dependency);
    let storage = app.images.storage.dependency();
    Ok(App::new(NAME, public, readiness(db), &shared)
        .with_metrics()
        .with_dependencies(redis.into_iter().chain([storage]).collect())
        .with_worker(Worker::new("gauges", move |stop| gauges.clone().work(stop)))
        .with_internal(request_layer(internal, NAME))
        .with_worker(Worker::new("sweep-holds", {
            let app = app.clone();
            move |stop| jobs::sweep::work(app.clone(), stop)
        }))
        .with_worker(Worker::new("sweep-pictures", {
            let app = app.clone();
            move |stop| jobs::pictures::work(app.clone(), stop)
        }))
        .with_worker(Worker::new("prune", move |stop| {
            jobs::prune::work(app.clone(), stop)
        })))
}

/// The public API, without `/api`.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    http::routes().split_for_parts().1
}

/// Its own database answers and has every migration.
fn readiness(db: PgPool) -> Readiness {
    Arc::new(move || {
        let db = db.clone();
        Box::pin(async move { pg::ready(&db, &[(HISTORY, &MIGRATIONS)]).await })
    })
}
