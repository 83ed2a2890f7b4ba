//! An order-service with a database and a clock of its own, between doubles.

mod answer;
mod books;
mod setting;
mod ways;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use order_service::{AppState, Config, Neighbours};
use pg::testing::TestDb;
use runtime::{RpcNeighbour, Secret, ServiceIdentity, Shared, TestClock};
use saga::FaultHook;
use serde_json::{Value, json};
use souk_http::Claims;
use time::macros::datetime;
use types::{Clock, Role, UserId};
use wire::rpc::events::Event;
use wire::rpc::events::inbox_client::InboxClient;
use wire::rpc::orders::orders_client::OrdersClient;

use crate::doubles::{KID, Money, Stock, Users};

pub use answer::Answer;

pub const ADMIN: i64 = 1;
pub const ALICE: i64 = 7;
pub const BOB: i64 = 8;
/// Sells mugs and pens.
pub const CARLA: i64 = 20;
/// Sells lamps.
pub const DORA: i64 = 21;

pub const MUG: i64 = 1;
pub const PEN: i64 = 2;
pub const LAMP: i64 = 3;

/// How long an order waits for its money.
pub const WINDOW: Duration = Duration::from_secs(900);

pub struct Orders {
    pub clock: Arc<TestClock>,
    pub db: TestDb,
    pub app: AppState,
    pub stock: Stock,
    pub money: Money,
    pub payer: OrdersClient<RpcNeighbour>,
    inbox: InboxClient<RpcNeighbour>,
    public: Router,
    signer: EncodingKey,
    shared: Shared,
    /// Where mails are put.
    mails: PathBuf,
    /// Whether sagas may be left that nobody looked after.
    owing: AtomicBool,
}

impl Orders {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A service whose settings `change` has changed.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let db = TestDb::create("order", async |pool| order_service::migrate(pool).await.unwrap()).await;
        let clock = Arc::new(TestClock::at(datetime!(2030-01-01 12:00 UTC)));
        let shared = Shared::new(Arc::<TestClock>::clone(&clock));
        let pair = Ed25519KeyPair::generate().unwrap();
        let signer = EncodingKey::from_ed_der(pair.to_pkcs8().unwrap().as_ref());
        let (stock, money) = (Stock::default(), Money::default());
        let neighbours = Neighbours {
            user: setting::local(Users(pair.public_key().as_ref().to_vec()).router()),
            product: setting::local(stock.router()),
            payment: setting::local(money.router()),
        };
        let secrets = vec![Secret::new("between services")];
        let mails = std::env::temp_dir().join(format!("souk-test-mails-{}", uuid::Uuid::now_v7()));
        let mut config = setting::config(&db.url, &mails, secrets.clone());
        change(&mut config);
        let identity = |name| ServiceIdentity::new(name, secrets.clone(), Arc::clone(&shared.clock));
        let app = AppState::new(config, neighbours, &shared).await.unwrap();
        let built = order_service::app(app.clone(), identity("order-service"), &shared);
        let inside = setting::local(built.internal.unwrap());
        let rpc = inside.rpc(
            identity("payment-service"),
            "order-service",
            Duration::from_secs(30),
        );
        let orders = Self {
            clock,
            db,
            app,
            stock,
            money,
            payer: OrdersClient::new(rpc.clone()),
            inbox: InboxClient::new(rpc),
            public: built.public,
            signer,
            shared,
            mails,
            owing: AtomicBool::new(false),
        };
        setting::fill(&orders.stock);
        orders
    }

    /// The same service, in whose sagas things go wrong as `hook` says: its state, and its routes.
    pub fn faulty(&self, hook: Arc<dyn FaultHook>) -> (AppState, Router) {
        let app = self.app.clone().with_faults(hook);
        let secrets = vec![Secret::new("between services")];
        let identity = ServiceIdentity::new("order-service", secrets, Arc::clone(&self.shared.clock));
        let public = order_service::app(app.clone(), identity, &self.shared).public;
        (app, public)
    }

    // What people call.

    fn token(&self, user: i64) -> String {
        let role = match user {
            ADMIN => Role::Admin,
            CARLA | DORA => Role::Seller,
            _ => Role::Customer,
        };
        let (user, jti) = (UserId::new(user).unwrap(), "jti".to_owned());
        let claims = Claims::new(user, role, "s1", jti, self.clock.now(), 900);
        let header = Header {
            kid: Some(KID.to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, &claims, &self.signer).unwrap()
    }

    pub async fn call_on(
        &self,
        public: &Router,
        user: i64,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        if method != Method::GET {
            self.owing.store(true, Ordering::SeqCst);
        }
        let token = format!("Bearer {}", self.token(user));
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("authorization", token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        Answer::of(public, request.body(body).unwrap()).await
    }

    /// A call without a token.
    pub async fn anonymous(&self, method: &str, path: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json");
        Answer::of(&self.public, request.body(Body::from("{}")).unwrap()).await
    }

    pub async fn call(&self, user: i64, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.call_on(&self.public, user, method, path, &[], body).await
    }

    pub async fn get(&self, user: i64, path: &str) -> Answer {
        self.call(user, Method::GET, path, None).await
    }

    pub async fn post(&self, user: i64, path: &str, body: &Value) -> Answer {
        self.call(user, Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, user: i64, path: &str, body: &Value) -> Answer {
        self.call(user, Method::PUT, path, Some(body)).await
    }

    /// Changes the version that was read.
    pub async fn put_if(&self, user: i64, path: &str, version: &str, body: &Value) -> Answer {
        let headers = [("if-match", version)];
        self.call_on(&self.public, user, Method::PUT, path, &headers, Some(body))
            .await
    }

    /// Orders under an idempotency key.
    pub async fn post_keyed(&self, user: i64, key: &str, body: &Value) -> Answer {
        let headers = [("idempotency-key", key)];
        self.call_on(&self.public, user, Method::POST, "/orders", &headers, Some(body))
            .await
    }

    pub async fn cancel(&self, user: i64, order: i64) -> Answer {
        self.post(user, &format!("/orders/{order}/cancel"), &json!({}))
            .await
    }

    pub async fn move_to(&self, user: i64, order: i64, status: &str) -> Answer {
        self.put(
            user,
            &format!("/orders/{order}/status"),
            &json!({"status": status}),
        )
        .await
    }

    // What payment-service tells.

    /// Delivers an event; true if it was acknowledged.
    pub async fn deliver(&self, event: Event) -> bool {
        self.inbox.clone().deliver(event).await.is_ok()
    }

    /// Delivers all events that wait; how many.
    pub async fn deliver_all(&self) -> usize {
        let mut count = 0;
        while let Some(event) = self.money.next_event() {
            assert!(self.deliver(event).await, "an event was not taken");
            count += 1;
        }
        count
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        // There is none where no mail was due.
        drop(std::fs::remove_dir_all(&self.mails));
        let owing = self.owing.load(Ordering::SeqCst);
        assert!(!owing || std::thread::panicking(), "end the test with `settled`");
    }
}

/// What a client sends to order these.
pub fn cart(lines: &[(i64, i64)]) -> Value {
    let line = |(product, quantity): &(i64, i64)| json!({"productId": product, "quantity": quantity});
    let items: Vec<Value> = lines.iter().map(line).collect();
    json!({"items": items, "shippingAddress": "1 Quay", "shippingCity": "Port"})
}
