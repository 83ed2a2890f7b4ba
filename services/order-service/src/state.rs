//! What every handler may use.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use pg::fold::Fold;
use pg::jobs::Queues;
use runtime::{Breaker, Clock, Dependency, Neighbour, ServiceIdentity, Shared, StartError, context};
use saga::{Engine, EngineSettings, FaultHook, Saga};
use souk_http::{
    CursorKey, SessionCheck, SessionCopy, Verifier, keys_from, redis_dependency, sessions_at, sessions_copied,
};
use sqlx::{PgConnection, PgPool};

use crate::config::{Config, Neighbours};
use crate::domain::Rates;
use crate::error::OrderError;
use crate::jobs::mail::Sender;
use crate::mailer::Mailer;
use crate::ops::admission::Admission;
use crate::ops::placing::Placing;
use crate::ops::reading::{Orders, Reading};
use crate::peers::{Accounts, Inventory, Payments};
use crate::sagas::cancellation::{Cancellation, CancellationState};
use crate::sagas::checkout::{Checkout, Confirmations, Undoings};
use crate::store::fault;
use crate::{NAME, migrate};

/// How much longer stock is held than an order waits for its money: time to take it once the money came.
const HOLD_LONGER: Duration = Duration::from_secs(120);
/// What the database may take of the time of a keyed request, beside the catalogue and the checkout.
const STORING: Duration = Duration::from_secs(8);

/// What every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The service's database.
    pub db: PgPool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// product-service's stock.
    pub inventory: Inventory,
    /// payment-service's money.
    pub payments: Payments,
    /// Reads orders.
    pub orders: Orders,
    /// How many orders are placed at once.
    pub admission: Admission,
    /// Writes new orders.
    pub placing: Fold<Placing>,
    /// Checks orders out.
    pub checkout: Engine<Checkout>,
    /// Takes paid orders back.
    pub cancellation: Engine<Cancellation>,
    /// Work that is done later.
    pub queues: Queues,
    /// Verifies access tokens.
    pub verifier: Verifier,
    /// Whether a session still stands.
    pub sessions: SessionCheck,
    /// Makes and reads cursors.
    pub cursors: CursorKey,
    /// Currency, tax, shipping.
    pub rates: Rates,
    /// How long an order may wait for its money.
    pub payment_window: Duration,
    /// How long after it came `POST /orders` is answered, whether or not the checkout has ended.
    pub answer_within: Duration,
    /// How long a request may work before its idempotency key is free again: longer than any answer takes.
    pub key_lease: Duration,
    /// Unpaid orders that one account may have; 0 for any number.
    pub max_open_orders: u32,
    /// What it uses besides its database.
    pub dependencies: Vec<Dependency>,
}

impl AppState {
    /// Connects, and puts together what everything here works with.
    ///
    /// # Errors
    /// The database does not answer or cannot be migrated.
    pub async fn new(config: Config, neighbours: Neighbours, shared: &Shared) -> Result<Self, StartError> {
        let db = pg::connect(&config.database).await?;
        if config.migrate_on_start {
            migrate(&db).await?;
        }
        let clock = Arc::clone(&shared.clock);
        let us = ServiceIdentity::new(NAME, config.identity_secrets, Arc::clone(&clock));
        let rpc = |to: Neighbour, name: &'static str| to.rpc(us.clone(), name, config.rpc_timeout);
        let user = rpc(neighbours.user, "user-service");
        let inventory = Inventory::new(rpc(neighbours.product, "product-service"));
        let breaker = Breaker::new(Arc::clone(&clock)).shown(NAME, "payment-service");
        let payments = Payments::new(rpc(neighbours.payment, "payment-service"), breaker);
        let hold_seconds = (config.payment_window + HOLD_LONGER).as_secs();
        let confirmations = Confirmations {
            db: db.clone(),
            clock: Arc::clone(&clock),
        };
        let undoings = Undoings {
            db: db.clone(),
            clock: Arc::clone(&clock),
        };
        let orders = Orders::new(Reading { db: db.clone() }, shared.tracker.clone());
        let sender = Sender {
            orders: orders.clone(),
            accounts: Accounts::new(user.clone()),
            mailer: Mailer::new(config.mail),
            links: config.tracking_links,
        };
        let mail = sender.mailer.dependency();
        let queues = queues(&db, shared, config.jobs_poll).with(sender.handler());
        let checkout = Checkout {
            db: db.clone(),
            confirmations: Fold::new(confirmations, shared.tracker.clone()),
            undoings: Fold::new(undoings, shared.tracker.clone()),
            inventory: inventory.clone(),
            payments: payments.clone(),
            clock: Arc::clone(&clock),
            mails: queues.clone(),
            hold_seconds: u32::try_from(hold_seconds).unwrap_or(u32::MAX),
        };
        let cancellation = Cancellation {
            inventory: inventory.clone(),
            payments: payments.clone(),
        };
        let owner = format!("{NAME}/{}", uuid::Uuid::now_v7());
        let settings = EngineSettings::new(owner, NAME);
        let checkout = engine(checkout, &db, shared, &settings);
        let placing = Placing {
            db: db.clone(),
            clock: Arc::clone(&clock),
            checkout: checkout.clone(),
            max_open_orders: config.max_open_orders,
        };
        let copy = SessionCopy::at(config.redis.as_ref(), NAME, shared).await;
        let redis = copy.as_ref().map(|copy| redis_dependency(copy.redis()));
        Ok(Self {
            dependencies: redis.into_iter().chain([mail]).collect(),
            orders,
            admission: Admission::new(config.checkouts_at_once, config.checkout_patience),
            placing: Fold::new(placing, shared.tracker.clone()),
            checkout,
            cancellation: engine(cancellation, &db, shared, &settings),
            sessions: sessions_copied(copy.as_ref(), sessions_at(user.clone())),
            queues,
            verifier: Verifier::new(keys_from(user, config.jwks_file), Arc::clone(&clock)),
            cursors: CursorKey::new(config.cursor_secret),
            rates: config.rates,
            payment_window: config.payment_window,
            answer_within: config.answer_within,
            // It asks for prices before it has an order to wait for.
            key_lease: config.rpc_timeout + config.answer_within + STORING,
            max_open_orders: config.max_open_orders,
            inventory,
            payments,
            db,
            clock,
        })
    }

    /// The same, whose sagas ask `hook` at each point of each attempt whether something goes wrong there; for tests.
    #[must_use]
    pub fn with_faults(self, hook: Arc<dyn FaultHook>) -> Self {
        Self {
            checkout: self.checkout.with_faults(Arc::clone(&hook)),
            cancellation: self.cancellation.with_faults(hook),
            ..self
        }
    }

    /// Drives all sagas and runs all jobs that are due now, as the workers would; for tests, which move the clock in between. Returns
    /// how often one was taken up.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn run_due(&self) -> Result<usize, OrderError> {
        let driven = self.checkout.run_due().await.map_err(OrderError::Saga)?
            + self.cancellation.run_due().await.map_err(OrderError::Saga)?;
        let run = self.queues.run_due().await.map_err(fault("run what is due"))?;
        Ok(driven + run)
    }

    /// Starts, in the caller's transaction, the saga that returns money and stock; once per order.
    pub async fn start_cancellation(
        &self,
        conn: &mut PgConnection,
        state: CancellationState,
    ) -> Result<(), OrderError> {
        let trace = context::current().map(|c| c.traceparent());
        let started = self
            .cancellation
            .enqueue(conn, state.order_id.get(), state, trace)
            .await;
        started.map(|_new| ()).map_err(OrderError::Saga)
    }

    /// Tells the workers of sagas and jobs that something was committed.
    pub fn nudge(&self) {
        self.queues.nudge();
        self.checkout.nudge();
        self.cancellation.nudge();
    }
}

impl FromRef<AppState> for Verifier {
    fn from_ref(app: &AppState) -> Self {
        app.verifier.clone()
    }
}

impl FromRef<AppState> for SessionCheck {
    fn from_ref(app: &AppState) -> Self {
        Self::clone(&app.sessions)
    }
}

fn engine<S: Saga>(saga: S, db: &PgPool, shared: &Shared, settings: &EngineSettings) -> Engine<S> {
    let (clock, tracker) = (Arc::clone(&shared.clock), shared.tracker.clone());
    Engine::new(saga, db.clone(), clock, tracker, settings.clone())
}

fn queues(db: &PgPool, shared: &Shared, poll: Duration) -> Queues {
    let (clock, tracker) = (Arc::clone(&shared.clock), shared.tracker.clone());
    let settings = pg::jobs::Settings {
        poll,
        ..pg::jobs::Settings::new(NAME)
    };
    Queues::new(db.clone(), clock, tracker, settings)
}
