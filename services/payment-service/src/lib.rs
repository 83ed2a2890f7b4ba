//! payment-service: money for orders, at Stripe. What is to be written over there is written down here first; what
//! Stripe tells us is stored before it is acknowledged; and whatever is learnt of a payment, in whichever order, goes
//! through one function under the lock on its row.

pub mod config;
pub mod domain;
pub mod error;
mod http;
pub mod jobs;
pub mod operator;
pub mod ops;
pub mod orders;
mod rpc;
mod series;
pub mod store;
pub mod stripe;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::http::Request;
use axum::Router;
use axum::body::Body;
use axum::extract::FromRef;
use axum::middleware::{self, Next};
use bus::Relay;
use pg::MigrateError;
use pg::fold::Fold;
use pg::jobs::Queues;
use runtime::{
    App, Dependency, Ports, Readiness, ServiceIdentity, Settings, Shared, StartError, Worker, require_service,
};
use souk_http::{
    CursorKey, SessionCheck, SessionCopy, Verifier, keys_from, redis_dependency, request_layer, sessions_at,
    sessions_copied, with_fallbacks,
};
use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::sync::Notify;
use types::Clock;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use wire::rpc::payments::payments_server::PaymentsServer;

pub use config::{Config, Neighbours};
pub use ops::event_types::EVENT_TYPES;

use crate::ops::beginning::Beginning;
use crate::ops::observing::Observing;
use crate::ops::reconcile::Reconciler;
use crate::ops::storing::Storing;
use crate::orders::Orders;
use crate::stripe::{Signatures, Stripe};

/// Its name in the topology.
pub const NAME: &str = "payment-service";
/// Where it listens unless told otherwise.
pub const PORTS: Ports = Ports {
    public: 3004,
    internal: Some(4004),
    metrics: None,
};
/// Its tables.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// How long to wait for a neighbour.
const PATIENCE: Duration = Duration::from_secs(2);
/// Where the history of [`MIGRATIONS`] is.
const HISTORY: &str = "_sqlx_migrations";

/// What handlers, calls and jobs work with.
#[derive(Clone)]
pub struct AppState {
    pub(crate) db: PgPool,
    pub(crate) stripe: Stripe,
    pub(crate) signatures: Signatures,
    pub(crate) account: Option<String>,
    pub(crate) methods: Arc<[String]>,
    /// Begins intents.
    pub beginning: Fold<Beginning>,
    /// Takes in what requests see of payments.
    pub(crate) observing: Fold<Observing>,
    /// Stores events.
    pub(crate) storing: Fold<Storing>,
    pub(crate) orders: Orders,
    pub(crate) clock: Arc<dyn Clock>,
    /// Hands events to their subscribers.
    pub relay: Relay,
    /// Wakes the job that works off webhooks.
    pub(crate) webhooks: Arc<Notify>,
    /// Wakes the job that resolves operations.
    pub(crate) operations: Arc<Notify>,
    /// How long an open payment goes unread.
    pub(crate) recheck: Duration,
    /// How long whoever calls the provider has an operation to themselves.
    pub(crate) call_lease: Duration,
    pub(crate) cursors: CursorKey,
    /// Runs what the clock says.
    pub queues: Queues,
    /// What it uses besides its database.
    dependencies: Vec<Dependency>,
    verifier: Verifier,
    sessions: SessionCheck,
}

impl AppState {
    /// Has the operations looked at if what was seen of `payment` may have begun one: a payment that is cancelled may
    /// have an intent to cancel. To look after each payment would cost every order two statements.
    pub(crate) fn nudge_operations(&self, payment: &domain::Payment) {
        if payment.status == domain::Status::Cancelled {
            self.operations.notify_one();
        }
    }

    /// Connects, and puts together what everything here works with.
    ///
    /// # Errors
    /// The database cannot be reached or brought up to date, or a key is unusable.
    pub async fn new(config: Config, neighbours: Neighbours, shared: &Shared) -> Result<Self, StartError> {
        let db = pg::connect(&config.database).await?;
        if config.migrate {
            migrate(&db).await?;
        }
        let clock = Arc::clone(&shared.clock);
        let identity = ServiceIdentity::new(NAME, config.identity_secrets, Arc::clone(&clock));
        let user = neighbours.user.rpc(identity.clone(), "user-service", PATIENCE);
        let order = neighbours.order.rpc(identity, "order-service", PATIENCE);
        let subscribers = HashMap::from([("order-service", order.clone())]);
        let relay = Relay::new(NAME, db.clone(), Arc::clone(&clock), subscribers);
        // The call, the repetitions while a twin runs, and a little.
        let call_lease = config.stripe.timeout + Duration::from_secs(5);
        let stripe = Stripe::new(config.stripe, Arc::clone(&clock))?;
        let operations = Arc::<Notify>::default();
        let reconciler = Reconciler {
            db: db.clone(),
            stripe: stripe.clone(),
            clock: Arc::clone(&clock),
        };
        let tracker = &shared.tracker;
        let clock = Arc::clone(&shared.clock);
        let beginning = Beginning {
            db: db.clone(),
            clock: Arc::clone(&clock),
            call_lease,
        };
        let observing = Observing {
            db: db.clone(),
            clock: Arc::clone(&clock),
        };
        let storing = Storing {
            db: db.clone(),
            clock: Arc::clone(&clock),
        };
        let copy = SessionCopy::at(config.redis.as_ref(), NAME, shared).await;
        let redis = copy.as_ref().map(|copy| redis_dependency(copy.redis()));
        Ok(Self {
            dependencies: redis.into_iter().chain([stripe.dependency()]).collect(),
            beginning: Fold::new(beginning, tracker.clone()),
            observing: Fold::new(observing, tracker.clone()),
            storing: Fold::new(storing, tracker.clone()),
            queues: jobs::reconcile::queues(reconciler, relay.clone(), Arc::clone(&operations), shared),
            relay,
            db,
            signatures: Signatures::new(config.webhook_secrets)?,
            account: config.stripe_account,
            methods: config.payment_methods.into(),
            cursors: CursorKey::new(config.cursor_secret),
            recheck: config.recheck,
            orders: Orders::new(order),
            webhooks: Arc::default(),
            operations,
            call_lease,
            stripe,
            verifier: Verifier::new(keys_from(user.clone(), config.jwks_file), Arc::clone(&clock)),
            sessions: sessions_copied(copy.as_ref(), sessions_at(user)),
            clock,
        })
    }

    /// What reconciling takes.
    #[must_use]
    pub fn reconciler(&self) -> Reconciler {
        Reconciler {
            db: self.db.clone(),
            stripe: self.stripe.clone(),
            clock: Arc::clone(&self.clock),
        }
    }

    /// When a call that starts now is over, whatever became of it.
    pub(crate) fn after_call(&self, now: OffsetDateTime) -> OffsetDateTime {
        now + self.call_lease
    }
}

impl FromRef<AppState> for Verifier {
    fn from_ref(app: &AppState) -> Self {
        app.verifier.clone()
    }
}

impl FromRef<AppState> for SessionCheck {
    fn from_ref(app: &AppState) -> Self {
        Arc::clone(&app.sessions)
    }
}

/// Brings its database up to date.
///
/// # Errors
/// See [`MigrateError`].
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    pg::migrate(pool, &MIGRATIONS).await
}

/// Reads the settings and builds the App for a process of its own.
///
/// # Errors
/// A setting is wrong, or see [`build`].
pub async fn start(mut settings: Settings, shared: Shared) -> Result<App, StartError> {
    let config = Config::read(&mut settings);
    let neighbours = Neighbours::remote(&mut settings);
    settings.finish()?;
    build(config, neighbours, shared).await
}

/// Builds the App.
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
    let public = api().with_state(state.clone()).split_for_parts().0;
    let public = request_layer(with_fallbacks(public), NAME);
    let worker = |name, state: &AppState, work: fn(AppState, tokio_util::sync::CancellationToken) -> Job| {
        let state = state.clone();
        Worker::new(name, move |stop| work(state.clone(), stop))
    };
    let relay = state.relay.clone();
    let gauges = series::gauges(&state);
    let queues = state.queues.clone();
    App::new(NAME, public, readiness(state.db.clone()), shared)
        .with_metrics()
        .with_dependencies(state.dependencies.clone())
        .with_worker(Worker::new("gauges", move |stop| gauges.clone().work(stop)))
        .with_internal(internal(state.clone(), identity))
        .with_worker(Worker::new("relay", move |stop| relay.clone().work(stop)))
        .with_worker(worker("webhooks", &state, |app, stop| {
            Box::pin(jobs::webhooks::work(app, stop))
        }))
        .with_worker(worker("operations", &state, |app, stop| {
            Box::pin(jobs::operations::work(app, stop))
        }))
        .with_worker(worker("recheck", &state, |app, stop| {
            Box::pin(jobs::recheck::work(app, stop))
        }))
        .with_worker(Worker::new("jobs", move |stop| queues.clone().work(stop)))
        .with_worker(worker("prune", &state, |app, stop| {
            Box::pin(jobs::prune::work(app, stop))
        }))
}

type Job = futures::future::BoxFuture<'static, ()>;

/// The published form of the public routes, without `/api`.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    api().split_for_parts().1
}

fn api() -> OpenApiRouter<AppState> {
    #[derive(utoipa::OpenApi)]
    #[openapi(info(title = "payment-service", description = "Money for orders."))]
    struct Api;
    OpenApiRouter::with_openapi(Api::openapi()).merge(http::routes::routes())
}

/// gRPC, for services that can prove who they are.
fn internal(state: AppState, identity: ServiceIdentity) -> Router {
    let guarded = tonic::service::Routes::new(PaymentsServer::new(rpc::Server(state)))
        .into_axum_router()
        .layer(middleware::from_fn(move |request: Request<Body>, next: Next| {
            require_service(identity.clone(), request, next)
        }));
    request_layer(guarded, NAME)
}

fn readiness(db: PgPool) -> Readiness {
    Arc::new(move || {
        let db = db.clone();
        Box::pin(async move { pg::ready(&db, &[(HISTORY, &MIGRATIONS)]).await })
    })
}
