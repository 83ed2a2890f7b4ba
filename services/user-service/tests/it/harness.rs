//! A user-service with a database and a clock of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use pg::testing::TestDb;
use runtime::{Neighbour, RpcNeighbour, ServiceIdentity, Settings, Shared, StartError, TestClock};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use time::macros::datetime;
use tower::ServiceExt as _;
use types::{Clock, Role, UserId};
use user_service::Config;

/// A password that nobody refuses.
pub const PASSWORD: &str = "an uncommon phrase";
/// Fast hashes.
const FAST: [(&str, &str); 3] = [
    ("ARGON2_MEMORY_KIB", "64"),
    ("ARGON2_ITERATIONS", "1"),
    ("HASH_PARALLELISM", "2"),
];

/// A running service.
pub struct Users {
    /// Its clock.
    pub clock: Arc<TestClock>,
    /// Its database.
    pub db: TestDb,
    /// What it was built from.
    pub config: Config,
    public: Router,
    internal: Router,
}

/// An answer, read.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; null where it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The word of a problem.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// A text in the body.
    pub fn text(&self, name: &str) -> String {
        self.body[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
            .to_owned()
    }

    /// The pointers of a refusal.
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        errors.iter().filter_map(|e| e["pointer"].as_str()).collect()
    }

    /// A header.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    }
}

/// A database with the service's tables.
pub async fn database() -> TestDb {
    TestDb::create("user", async |pool| user_service::migrate(pool).await.unwrap()).await
}

/// The settings of a test, `more` over its defaults.
pub fn settings(db: &TestDb, more: &[(&str, &str)]) -> Settings {
    let given = [("DATABASE_URL", db.url.as_str())]
        .into_iter()
        .chain(FAST)
        .chain(more.iter().copied());
    Settings::of(given.map(|(k, v)| (k.to_owned(), v.to_owned())), None)
}

impl Users {
    /// A service with the default settings (and fast hashes).
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A service with other settings.
    pub async fn with(more: &[(&str, &str)]) -> Self {
        let clock = Arc::new(TestClock::at(datetime!(2030-01-01 12:00 UTC)));
        Self::on(database().await, clock, more).await.unwrap()
    }

    /// A service on a database that is there already.
    pub async fn on(db: TestDb, clock: Arc<TestClock>, more: &[(&str, &str)]) -> Result<Self, StartError> {
        let mut settings = settings(&db, more);
        if let Some(redis) = cache::testing::database().await {
            settings.default_to("REDIS_URL", redis);
        }
        let config = Config::read(&mut settings);
        settings.finish()?;
        let shared = Shared::new(Arc::<TestClock>::clone(&clock));
        let app = user_service::build(config.clone(), shared).await?;
        Ok(Self {
            clock,
            db,
            config,
            public: app.public,
            internal: app.internal.unwrap(),
        })
    }

    /// The same database and clock under a new process.
    pub async fn restart(self, more: &[(&str, &str)]) -> Result<Self, StartError> {
        let Self { db, clock, .. } = self;
        Self::on(db, clock, more).await
    }

    /// Sends a request.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.public.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    /// Sends `body` as JSON.
    pub async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Value) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    /// Posts without a token.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, None, body).await
    }

    /// Puts with a token.
    pub async fn put(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, Some(token), body).await
    }

    /// Gets with a token.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, Some(token), Value::Null).await
    }

    /// Makes an account.
    pub async fn register(&self, email: &str) -> Answer {
        self.post("/auth/register", json!({"email": email, "password": PASSWORD}))
            .await
    }

    /// Signs in.
    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/auth/login", json!({"email": email, "password": password}))
            .await
    }

    /// Makes an account and signs in.
    pub async fn joins(&self, email: &str) -> Answer {
        let registered = self.register(email).await;
        assert_eq!(registered.status, 201, "{registered:?}");
        self.login(email, PASSWORD).await
    }

    /// Makes an admin and signs in.
    pub async fn admin(&self) -> Answer {
        let clock: &dyn Clock = self.clock.as_ref();
        let (pool, email) = (&self.db.pool, "root@example.com");
        user_service::operator::ensure_account(pool, clock, email, PASSWORD, "Root", "", Role::Admin)
            .await
            .unwrap();
        self.login(email, PASSWORD).await
    }

    /// Refreshes.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/auth/refresh", json!({"refreshToken": token})).await
    }

    /// Moves the clock.
    pub fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Does what the worker looks after.
    pub async fn keep_house(&self) {
        let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&self.clock);
        user_service::operator::keep_house(&self.db.pool, clock, &self.config)
            .await
            .unwrap();
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        let count = AssertSqlSafe(format!("select count(*) from {table}"));
        sqlx::query_scalar(count).fetch_one(&self.db.pool).await.unwrap()
    }

    /// The service's gRPC, called as another service.
    pub fn rpc(&self) -> RpcNeighbour {
        let (neighbour, slot) = Neighbour::local();
        slot.set(self.internal.clone()).unwrap();
        let clock: Arc<dyn Clock> = Arc::<TestClock>::clone(&self.clock);
        let identity = ServiceIdentity::new("order-service", self.config.identity_secrets.clone(), clock);
        neighbour.rpc(identity, user_service::NAME, Duration::from_secs(5))
    }

    /// The internal router itself.
    pub fn internal(&self) -> Router {
        self.internal.clone()
    }
}

/// The id in an answer's `user`.
pub fn user_id(answer: &Answer) -> UserId {
    UserId::new(answer.body["user"]["id"].as_i64().unwrap()).unwrap()
}
