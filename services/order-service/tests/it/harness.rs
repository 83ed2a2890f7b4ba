//! An order-service with a database and a clock of its own, between doubles.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use order_service::{AppState, Config, Neighbours, Rates};
use pg::PgSettings;
use pg::testing::TestDb;
use runtime::{Neighbour, RpcNeighbour, Secret, ServiceIdentity, Shared, TestClock};
use saga::FaultHook;
use serde_json::{Value, json};
use souk_http::Claims;
use time::macros::datetime;
use tower::ServiceExt as _;
use types::{Clock, Currency, Role, UserId};
use wire::rpc::events::Event;
use wire::rpc::events::inbox_client::InboxClient;
use wire::rpc::orders::orders_client::OrdersClient;

use crate::doubles::{KID, Money, Product, Stock, Users};

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
/// How long a dead process's sagas are protected.
pub const LEASE: Duration = Duration::from_secs(15);

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
    /// Whether sagas may be left that nobody looked after.
    owing: AtomicBool,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The order's id, in an order or in a problem about one.
    pub fn order(&self) -> i64 {
        let id = self.body["id"].as_i64().or(self.body["orderId"].as_i64());
        id.unwrap_or_else(|| panic!("no order in {self:?}"))
    }

    /// Where the errors of a problem point.
    pub fn pointers(&self) -> Vec<&str> {
        let list = self.body["errors"].as_array().or(self.body["lines"].as_array());
        let list = list.unwrap_or_else(|| panic!("no pointers in {self:?}"));
        list.iter().map(|e| e["pointer"].as_str().unwrap()).collect()
    }
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
            user: local(Users(pair.public_key().as_ref().to_vec()).router()),
            product: local(stock.router()),
            payment: local(money.router()),
        };
        let secrets = vec![Secret::new("between services")];
        let mut config = config(&db.url, secrets.clone());
        change(&mut config);
        let identity = |name| ServiceIdentity::new(name, secrets.clone(), Arc::clone(&shared.clock));
        let app = AppState::new(config, neighbours, &shared).await.unwrap();
        let built = order_service::app(app.clone(), identity("order-service"), &shared);
        let inside = local(built.internal.unwrap());
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
            owing: AtomicBool::new(false),
        };
        orders.fill();
        orders
    }

    fn fill(&self) {
        let product = |name, sku, seller, minor, on_hand| Product {
            name,
            sku,
            seller,
            minor,
            on_hand,
            for_sale: true,
        };
        self.stock.put(MUG, product("Mug", "MUG-01", CARLA, 1_499, 100));
        self.stock.put(PEN, product("Pen", "PEN-01", CARLA, 5, 100));
        self.stock.put(LAMP, product("Lamp", "LAMP-01", DORA, 4_000, 3));
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
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token(user)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = public.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(json!(null)),
        }
    }

    pub async fn get(&self, user: i64, path: &str) -> Answer {
        self.call_on(&self.public, user, Method::GET, path, &[], None)
            .await
    }

    pub async fn post(&self, user: i64, path: &str, body: &Value) -> Answer {
        self.call_on(&self.public, user, Method::POST, path, &[], Some(body))
            .await
    }

    pub async fn put(&self, user: i64, path: &str, body: &Value) -> Answer {
        self.call_on(&self.public, user, Method::PUT, path, &[], Some(body))
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

    // Ways to get there.

    /// An order of one mug of Alice's that waits for its money.
    pub async fn confirmed(&self) -> i64 {
        self.confirmed_with(&[(MUG, 1)]).await
    }

    pub async fn confirmed_with(&self, lines: &[(i64, i64)]) -> i64 {
        let answer = self.post(ALICE, "/orders", &cart(lines)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.order()
    }

    pub async fn paid(&self) -> i64 {
        self.paid_with(&[(MUG, 1)]).await
    }

    pub async fn paid_with(&self, lines: &[(i64, i64)]) -> i64 {
        let order = self.confirmed_with(lines).await;
        assert!(self.money.pay(order));
        self.settle().await;
        assert_eq!(self.status(order).await, "paid");
        order
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

    // Afterwards.

    /// Does all work that is due.
    pub async fn settle(&self) {
        while self.deliver_all().await + self.app.run_due().await.unwrap() > 0 {}
    }

    /// Moves the clock, then does what is due by then.
    pub async fn after(&self, span: Duration) {
        self.clock.advance(span);
        self.settle().await;
    }

    /// Does all work that is due. Nothing may be left then, save orders that wait for their money, and what the order
    /// says, what is in stock and what was paid must agree.
    pub async fn settled(&self) {
        self.settle().await;
        let open: Vec<(String, i64, String, Option<String>)> = sqlx::query_as(
            "select name, subject_id, state, step from saga
              where state not in ('done', 'undone', 'diverted')
                and not (state = 'parked' and step = 'await-payment')",
        )
        .fetch_all(&self.db.pool)
        .await
        .unwrap();
        assert!(open.is_empty(), "sagas are left over: {open:?}");
        let orders: Vec<(i64, String)> = sqlx::query_as("select id, status from orders")
            .fetch_all(&self.db.pool)
            .await
            .unwrap();
        for (order, status) in orders {
            let (stock, money) = (self.stock.state(order), self.money.state(order));
            let agree = match status.as_str() {
                "confirmed" => stock == "held" && matches!(money, "open" | "partly refunded"),
                "paid" | "processing" | "shipped" | "delivered" => {
                    stock == "committed" && matches!(money, "captured" | "partly refunded")
                }
                "refunded" => stock == "committed" && money == "refunded",
                "cancelled" => {
                    !matches!(stock, "held" | "committed")
                        && matches!(money, "none" | "tombstone" | "cancelled" | "refunded")
                }
                _ => false,
            };
            assert!(
                agree,
                "order {order} is {status}, its stock {stock}, its money {money}"
            );
        }
        self.owing.store(false, Ordering::SeqCst);
    }

    /// The order as an admin sees it.
    pub async fn order(&self, order: i64) -> Value {
        let answer = self.get(ADMIN, &format!("/orders/{order}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    pub async fn status(&self, order: i64) -> String {
        self.order(order).await["status"].as_str().unwrap().to_owned()
    }

    /// The statuses that the order has been in.
    pub async fn history(&self, order: i64) -> Vec<String> {
        sqlx::query_scalar("select to_status from order_history where order_id = $1 order by id")
            .bind(order)
            .fetch_all(&self.db.pool)
            .await
            .unwrap()
    }

    /// Numbers from the database.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.db.pool).await.unwrap()
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        self.shared.stop.cancel();
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

fn local(router: Router) -> Neighbour {
    let (neighbour, slot) = Neighbour::local();
    slot.set(router).unwrap();
    neighbour
}

fn config(url: &str, identity_secrets: Vec<Secret>) -> Config {
    let usd = |minor| types::Money::from_minor(minor, Currency::USD);
    Config {
        database: PgSettings {
            max_connections: 10,
            acquire_timeout: Duration::from_secs(30),
            ..PgSettings::new(url, "test")
        },
        migrate_on_start: false,
        identity_secrets,
        cursor_secret: Secret::new("cursors"),
        jwks_file: None,
        rates: Rates {
            currency: Currency::USD,
            tax_basis_points: 1_000,
            shipping: usd(1_000),
            minimum: usd(50),
        },
        payment_window: WINDOW,
        // Far beyond any pause of a test's machine: what answers 202 does so because its checkout stopped.
        answer_within: Duration::from_secs(60),
        rpc_timeout: Duration::from_secs(30),
        max_open_orders: 1_000,
    }
}
