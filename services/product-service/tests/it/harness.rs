//! One product-service with a database, an image folder and a clock of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use cache::RedisUrl;
use http_body_util::BodyExt as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pg::testing::TestDb;
use product_service::{Config, ImageConfig, ImageStore, Neighbours, ops};
use runtime::{App, Clock, Neighbour, RpcNeighbour, Secret, ServiceIdentity, Shared};
use serde_json::{Value, json};
use souk_http::{Claims, JsonWebKey, KeySet, PublicKey};
use time::macros::datetime;
use tower::ServiceExt as _;
use types::{Currency, Role, TestClock};
use wire::code::Code;
use wire::rpc::Refused;
use wire::rpc::inventory::inventory_client::InventoryClient;
use wire::rpc::inventory::{
    CommitRequest, ExtendRequest, HoldRequest, QuoteRequest, QuotedProduct, ReleaseRequest, RestockRequest,
    StockLine,
};

use crate::buckets;

const SECRET: &str = "test-service-identity-0123456789";
/// How long holds last in most tests.
pub const TTL: u32 = 900;

/// What a test's stock call came to: done, or refused with a code.
pub type Outcome = Result<(), Code>;

pub struct Shop {
    pub db: TestDb,
    pub clock: Arc<TestClock>,
    pub app: App,
    pub inventory: InventoryClient<RpcNeighbour>,
    /// Where its pictures are.
    pub store: ImageStore,
    signing: EncodingKey,
    dir: PathBuf,
    config: Config,
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    pub json: Value,
}

impl Answer {
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.json);
        self
    }

    #[track_caller]
    pub fn refuses(self, code: Code) -> Self {
        assert_eq!(
            (self.status.as_u16(), &self.json["code"]),
            (code.status, &json!(code.slug)),
            "{}",
            self.json
        );
        self
    }

    /// The pointers of an invalid request.
    pub fn pointers(&self) -> Vec<&str> {
        self.json["errors"]
            .as_array()
            .map(|e| e.iter().filter_map(|e| e["pointer"].as_str()).collect())
            .unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    }

    pub fn id(&self) -> i64 {
        self.json["id"].as_i64().expect("an id")
    }

    /// The names of the products of a list.
    pub fn names(&self) -> Vec<&str> {
        self.json["products"]
            .as_array()
            .expect("products")
            .iter()
            .filter_map(|p| p["name"].as_str())
            .collect()
    }
}

/// A folder of the test's own, and where pictures are kept: in it, or in a bucket.
fn storage() -> (PathBuf, ImageStore) {
    let dir = temp_dir();
    let store = buckets::fresh().unwrap_or_else(|| ImageStore::Folder(dir.join("images")));
    (dir, store)
}

impl Shop {
    pub async fn open() -> Self {
        Self::open_in(Currency::USD).await
    }

    pub async fn open_in(currency: Currency) -> Self {
        let (dir, store) = storage();
        Self::open_with(currency, cache::testing::database().await, dir, store).await
    }

    /// With that Redis, or without one.
    pub async fn open_sharing(redis: Option<String>) -> Self {
        let (dir, store) = storage();
        Self::open_with(Currency::USD, redis, dir, store).await
    }

    /// With its pictures there.
    pub async fn open_at(store: ImageStore) -> Self {
        Self::open_with(Currency::USD, None, temp_dir(), store).await
    }

    async fn open_with(currency: Currency, redis: Option<String>, dir: PathBuf, store: ImageStore) -> Self {
        let db = TestDb::create("product", async |pool| {
            product_service::migrate(pool).await.unwrap()
        })
        .await;
        let clock = Arc::new(TestClock::at(datetime!(2026-06-01 12:00 UTC)));
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let public = PublicKey {
            kid: "test".to_owned(),
            ed25519: pair.public_key().as_ref().to_vec(),
        };
        let keys = KeySet {
            keys: vec![JsonWebKey::from(&public)],
        };
        let jwks = dir.join("jwks.json");
        std::fs::write(&jwks, serde_json::to_vec(&keys).unwrap()).unwrap();

        let mut database = pg::PgSettings::new(db.url.clone(), "product-service");
        database.max_connections = 20;
        database.acquire_timeout = Duration::from_secs(30);
        let config = Config {
            database,
            migrate_on_start: false,
            identity_secrets: vec![Secret::new(SECRET)],
            cursor_secret: Secret::new("test-cursor"),
            jwks_file: Some(jwks),
            redis: redis.map(|url| RedisUrl::parse(&url).unwrap()),
            currency,
            low_stock: 5,
            images: ImageConfig {
                store: store.clone(),
                base_url: "/api/images".to_owned(),
                renders: 2,
            },
        };
        // user-service is down: its keys are read from the file.
        let neighbours = Neighbours {
            user: Neighbour::local().0,
        };
        let shared = Shared::new(Arc::<TestClock>::clone(&clock) as _);
        let app = product_service::build(config.clone(), neighbours, shared)
            .await
            .unwrap();
        let inventory = InventoryClient::new(rpc(&app, &clock, SECRET));
        Self {
            db,
            clock,
            inventory,
            app,
            store,
            signing: EncodingKey::from_ed_der(pkcs8.as_ref()),
            dir,
            config,
        }
    }

    /// Another process of the service, on the same database and the same Redis.
    pub async fn another_process(&self) -> App {
        let neighbours = Neighbours {
            user: Neighbour::local().0,
        };
        let shared = Shared::new(Arc::<TestClock>::clone(&self.clock) as _);
        product_service::build(self.config.clone(), neighbours, shared)
            .await
            .unwrap()
    }

    /// The stock as a caller with another secret sees it.
    pub fn inventory_of_a_stranger(&self) -> InventoryClient<RpcNeighbour> {
        InventoryClient::new(rpc(&self.app, &self.clock, "another-secret"))
    }

    pub fn token(&self, id: i64, role: Role) -> String {
        let now = self.clock.now().unix_timestamp();
        let claims = Claims {
            iss: "souk".to_owned(),
            aud: "souk-api".to_owned(),
            sub: id.to_string(),
            role,
            sid: "session".to_owned(),
            jti: "token".to_owned(),
            iat: now,
            exp: now + 900,
        };
        let header = Header {
            kid: Some("test".to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, &claims, &self.signing).unwrap()
    }

    /// Account 7, a seller.
    pub fn seller(&self) -> As<'_> {
        self.user(7, Role::Seller)
    }

    /// Account 1, an admin.
    pub fn admin(&self) -> As<'_> {
        self.user(1, Role::Admin)
    }

    pub fn user(&self, id: i64, role: Role) -> As<'_> {
        As {
            shop: self,
            token: Some(self.token(id, role)),
            headers: Vec::new(),
        }
    }

    pub fn anyone(&self) -> As<'_> {
        As {
            shop: self,
            token: None,
            headers: Vec::new(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.anyone().get(path).await
    }

    /// A product with so many on the shelf.
    pub async fn stocks(&self, name: &str, stock: i64) -> i64 {
        let body = json!({"name": name, "price": "10.00", "stock": stock});
        self.seller().post("/products", body).await.is(201).id()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        Self::send_to(&self.app, request).await
    }

    pub async fn send_to(app: &App, request: Request<Body>) -> Answer {
        let response = app.public.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer {
            status: parts.status,
            headers: parts.headers,
            bytes,
            json,
        }
    }

    pub async fn hold(&self, order: i64, lines: impl AsRef<[(i64, u32)]>) -> Outcome {
        outcome(self.try_hold(order, lines.as_ref(), TTL).await.map(|_| ()))
    }

    pub async fn try_hold(&self, order: i64, lines: &[(i64, u32)], ttl: u32) -> Result<i64, tonic::Status> {
        let lines = lines.iter().map(|(product_id, quantity)| StockLine {
            product_id: *product_id,
            quantity: *quantity,
        });
        let request = HoldRequest {
            order_id: order,
            lines: lines.collect(),
            ttl_seconds: ttl,
            user_id: 9,
        };
        self.inventory
            .clone()
            .hold(request)
            .await
            .map(|r| r.into_inner().expires_at)
    }

    /// Until when the order's hold lasts now.
    pub async fn extend(&self, order: i64, ttl_seconds: u32) -> Result<i64, Code> {
        let request = ExtendRequest {
            order_id: order,
            ttl_seconds,
        };
        let mut inventory = self.inventory.clone();
        match inventory.extend(request).await {
            Ok(reply) => Ok(reply.into_inner().expires_at),
            Err(status) => Err(outcome(Err(status)).unwrap_err()),
        }
    }

    pub async fn commit(&self, order: i64) -> Outcome {
        outcome(
            self.inventory
                .clone()
                .commit(CommitRequest { order_id: order })
                .await
                .map(|_| ()),
        )
    }

    pub async fn release(&self, order: i64) -> Outcome {
        let request = ReleaseRequest {
            order_id: order,
            reason: "test".to_owned(),
        };
        outcome(self.inventory.clone().release(request).await.map(|_| ()))
    }

    pub async fn restock(&self, order: i64) -> Outcome {
        let request = RestockRequest {
            order_id: order,
            reason: "test".to_owned(),
        };
        outcome(self.inventory.clone().restock(request).await.map(|_| ()))
    }

    pub async fn quote(&self, ids: &[i64]) -> Vec<QuotedProduct> {
        let request = QuoteRequest {
            product_ids: ids.to_vec(),
        };
        self.inventory
            .clone()
            .quote(request)
            .await
            .unwrap()
            .into_inner()
            .products
    }

    /// What the sweeper does until nothing is left; returns how many products' stock it moved.
    pub async fn sweep(&self) -> usize {
        let mut moved = 0;
        loop {
            let done = ops::stock::sweep(&self.db.pool, &*self.clock).await.unwrap();
            moved += done.changed.len();
            if !done.answer {
                return moved;
            }
        }
    }

    /// Returns once somebody waits for a row that somebody else has locked.
    pub async fn waits_for_a_lock(&self) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        loop {
            assert!(std::time::Instant::now() < deadline, "nobody waits");
            let waiting: bool = sqlx::query_scalar(
                "select exists (select from pg_stat_activity
                                 where datname = current_database() and wait_event_type = 'Lock')",
            )
            .fetch_one(&self.db.pool)
            .await
            .unwrap();
            if waiting {
                return;
            }
        }
    }

    /// On hand and reserved.
    pub async fn shelf(&self, product: i64) -> (i64, i64) {
        sqlx::query_as("select on_hand, reserved from stock where product_id = $1")
            .bind(product)
            .fetch_one(&self.db.pool)
            .await
            .unwrap()
    }

    /// Stock, ledger and open holds agree (STK-1).
    #[track_caller]
    pub fn check_books(&self) -> impl Future<Output = ()> {
        let at = std::panic::Location::caller();
        async move {
            let wrong = product_service::operator::check_books(&self.db.pool)
                .await
                .unwrap();
            assert!(wrong.is_empty(), "{at}: {wrong:?}");
        }
    }
}

fn temp_dir() -> PathBuf {
    let dir = std::env::temp_dir().join(format!("souk-product-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Requests of one account.
#[derive(Clone)]
pub struct As<'a> {
    shop: &'a Shop,
    token: Option<String>,
    headers: Vec<(&'static str, String)>,
}

impl As<'_> {
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.json(Method::POST, path, body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.json(Method::PUT, path, body).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, Body::empty()).await
    }

    async fn json(&self, method: Method, path: &str, body: Value) -> Answer {
        self.send(
            method,
            path,
            Some("application/json"),
            Body::from(body.to_string()),
        )
        .await
    }

    pub async fn send(&self, method: Method, path: &str, media_type: Option<&str>, body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        self.shop.send(request.body(body).unwrap()).await
    }
}

fn rpc(app: &App, clock: &Arc<TestClock>, secret: &str) -> RpcNeighbour {
    let (neighbour, slot) = Neighbour::local();
    assert!(
        slot.set(app.internal.clone().expect("an internal router"))
            .is_ok()
    );
    let clock = Arc::<TestClock>::clone(clock) as _;
    let identity = ServiceIdentity::new("order-service", vec![Secret::new(secret)], clock);
    neighbour.rpc(identity, "product-service", Duration::from_secs(60))
}

/// A refusal's code; anything else that is not an answer fails the test.
#[track_caller]
fn outcome(result: Result<(), tonic::Status>) -> Outcome {
    result.map_err(|status| match Refused::from_status(&status) {
        Some(refused) => refused.code,
        None => panic!("no refusal: {status:?}"),
    })
}
