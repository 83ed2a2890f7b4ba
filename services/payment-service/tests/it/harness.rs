//! A payment-service with a database, a clock and a provider of its own.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use payment_service::stripe::{StripeSettings, sign};
use payment_service::{AppState, Config, Neighbours, jobs};
use pg::PgSettings;
use pg::testing::TestDb;
use runtime::{Limits, Neighbour, RpcNeighbour, Secret, ServiceIdentity, Shared, TestClock, serve};
use serde_json::{Value, json};
use souk_http::Claims;
use time::macros::datetime;
use tower::ServiceExt as _;
use types::{Clock, Role, UserId};
use wire::rpc::orders::ForPaymentReply;
use wire::rpc::payments::payments_client::PaymentsClient;
use wire::rpc::payments::{CancelIntentRequest, CreateIntentReply, CreateIntentRequest, RefundRestRequest};

use crate::doubles::{KID, Road, Shop, Users};

pub const SECRET: &str = "whsec_test";
const OTHER_SECRET: &str = "whsec_next";
const KEY: &str = "sk_test_souk_sandbox";
pub const ALICE: i64 = 7;
pub const BOB: i64 = 8;
pub const ADMIN: i64 = 1;
pub const RECHECK: Duration = Duration::from_secs(300);

pub struct Payments {
    pub clock: Arc<TestClock>,
    pub db: TestDb,
    pub app: AppState,
    pub shop: Shop,
    pub road: Road,
    public: Router,
    internal: PaymentsClient<RpcNeighbour>,
    sandbox: Router,
    signer: EncodingKey,
    shared: Shared,
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

    pub fn text(&self, name: &str) -> String {
        self.body[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
            .to_owned()
    }
}

impl Payments {
    pub async fn start() -> Self {
        Self::start_in(false).await
    }

    /// In live mode, though the provider is in test mode, if `live`.
    pub async fn start_in(live: bool) -> Self {
        let db = TestDb::create("payment", async |pool| {
            payment_service::migrate(pool).await.unwrap()
        })
        .await;
        let clock = Arc::new(TestClock::at(datetime!(2030-01-01 12:00 UTC)));
        let shared = Shared::new(Arc::<TestClock>::clone(&clock));
        let sandbox = stripe_sandbox::build(stripe_sandbox::Config::default(), shared.clone())
            .await
            .unwrap()
            .public;
        let road = Road::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tracker, stop) = (shared.tracker.clone(), shared.stop.clone());
        let served = serve(
            listener,
            road.around(sandbox.clone()),
            Limits::INSIDE,
            tracker,
            stop,
            Duration::ZERO,
        );
        shared.tracker.spawn(served);

        let pair = Ed25519KeyPair::generate().unwrap();
        let signer = EncodingKey::from_ed_der(pair.to_pkcs8().unwrap().as_ref());
        let (user, user_slot) = Neighbour::local();
        let (order, order_slot) = Neighbour::local();
        let shop = Shop::default();
        user_slot
            .set(Users(pair.public_key().as_ref().to_vec()).router())
            .unwrap();
        order_slot.set(shop.router()).unwrap();

        let secrets = vec![Secret::new("between services")];
        let config = Config {
            recheck: RECHECK,
            database: PgSettings {
                max_connections: 10,
                acquire_timeout: Duration::from_secs(30),
                ..PgSettings::new(&db.url, "test")
            },
            migrate: false,
            identity_secrets: secrets.clone(),
            cursor_secret: Secret::new("cursors"),
            jwks_file: None,
            redis: None,
            stripe: StripeSettings {
                api: format!("http://127.0.0.1:{port}").parse().unwrap(),
                key: Secret::new(KEY),
                live,
                timeout: Duration::from_millis(1_500),
            },
            webhook_secrets: vec![Secret::new(SECRET), Secret::new(OTHER_SECRET)],
            stripe_account: None,
            payment_methods: vec!["card".to_owned()],
        };
        let identity = |name| ServiceIdentity::new(name, secrets.clone(), Arc::clone(&shared.clock));
        let app = AppState::new(config, Neighbours { user, order }, &shared)
            .await
            .unwrap();
        let built = payment_service::app(app.clone(), identity("payment-service"), &shared);
        let (payment, slot) = Neighbour::local();
        slot.set(built.internal.unwrap()).unwrap();
        let rpc = payment.rpc(
            identity("order-service"),
            "payment-service",
            Duration::from_secs(30),
        );
        Self {
            clock,
            db,
            app,
            shop,
            road,
            public: built.public,
            internal: PaymentsClient::new(rpc),
            sandbox,
            signer,
            shared,
        }
    }

    /// Puts an order there, waiting for its money.
    pub fn order(&self, id: i64, total_minor: i64) {
        self.order_in(id, total_minor, "USD", "confirmed");
    }

    pub fn order_in(&self, id: i64, total_minor: i64, currency: &str, status: &str) {
        let order = ForPaymentReply {
            order_id: id,
            user_id: ALICE,
            status: status.to_owned(),
            total_minor,
            currency: currency.to_owned(),
        };
        self.shop.orders.lock().unwrap().insert(id, order);
    }

    /// An order with its intent, as the checkout makes it.
    pub async fn ordered(&self, id: i64, total_minor: i64) -> CreateIntentReply {
        self.order(id, total_minor);
        self.create(id, total_minor).await.unwrap()
    }

    /// An order that was paid, and known to be.
    pub async fn paid(&self, id: i64, total_minor: i64) -> String {
        let intent = self.ordered(id, total_minor).await.payment_intent_id;
        self.pay(&intent, "pm_card_visa").await;
        self.deliver_all().await;
        self.settle().await;
        intent
    }

    // What order-service calls.

    pub async fn create(&self, order: i64, amount_minor: i64) -> Result<CreateIntentReply, tonic::Status> {
        let request = CreateIntentRequest {
            order_id: order,
            user_id: ALICE,
            amount_minor,
            currency: "USD".to_owned(),
        };
        self.internal
            .clone()
            .create_intent(request)
            .await
            .map(tonic::Response::into_inner)
    }

    pub async fn cancel(&self, order: i64) -> Result<bool, tonic::Status> {
        let request = CancelIntentRequest {
            order_id: order,
            reason: "test".to_owned(),
        };
        self.internal
            .clone()
            .cancel_intent(request)
            .await
            .map(|r| r.into_inner().already_succeeded)
    }

    pub async fn refund_rest(&self, order: i64, key: &str) -> Result<i64, tonic::Status> {
        let request = RefundRestRequest {
            order_id: order,
            key: key.to_owned(),
            reason: "test".to_owned(),
        };
        self.internal
            .clone()
            .refund_rest(request)
            .await
            .map(|r| r.into_inner().amount_minor)
    }

    // What people call.

    pub fn token(&self, user: i64, role: Role, session: &str) -> String {
        let claims = Claims::new(
            UserId::new(user).unwrap(),
            role,
            session,
            "jti".to_owned(),
            self.clock.now(),
            900,
        );
        let header = Header {
            kid: Some(KID.to_owned()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, &claims, &self.signer).unwrap()
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        read(self.public.clone(), request).await
    }

    /// Whoever `user` is: an admin if it is [`ADMIN`].
    pub async fn call(
        &self,
        user: i64,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let role = if user == ADMIN {
            Role::Admin
        } else {
            Role::Customer
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header(
                "authorization",
                format!("Bearer {}", self.token(user, role, "s1")),
            );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(
            request
                .body(body.map_or_else(Body::empty, |b| Body::from(b.to_string())))
                .unwrap(),
        )
        .await
    }

    pub async fn post(&self, user: i64, path: &str, body: Value) -> Answer {
        self.call(user, Method::POST, path, &[], Some(body)).await
    }

    pub async fn get(&self, user: i64, path: &str) -> Answer {
        self.call(user, Method::GET, path, &[], None).await
    }

    pub async fn refund(&self, body: Value) -> Answer {
        self.post(ADMIN, "/payments/refund", body).await
    }

    /// The order's payment, as an admin sees it.
    pub async fn payment(&self, order: i64) -> Value {
        let answer = self.get(ADMIN, &format!("/payments/order/{order}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    pub async fn status(&self, order: i64) -> String {
        self.payment(order).await["status"].as_str().unwrap().to_owned()
    }

    // What the provider does.

    /// A call to the sandbox past the road.
    pub async fn provider(&self, method: Method, path: &str, form: &str) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {KEY}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()))
            .unwrap();
        read(self.sandbox.clone(), request).await.body
    }

    pub async fn pay(&self, intent: &str, card: &str) -> Value {
        let path = format!("/v1/payment_intents/{intent}/confirm");
        self.provider(Method::POST, &path, &format!("payment_method={card}"))
            .await
    }

    pub async fn intents(&self) -> Vec<Value> {
        let list = self
            .provider(Method::GET, "/v1/payment_intents?limit=100", "")
            .await;
        list["data"].as_array().unwrap().clone()
    }

    /// Everything that happened over there, oldest first, as it would be sent.
    pub async fn events(&self) -> Vec<Value> {
        let list = self.provider(Method::GET, "/v1/events?limit=100", "").await;
        let mut events = list["data"].as_array().unwrap().clone();
        events.reverse();
        events
    }

    pub async fn event(&self, kind: &str) -> Value {
        let events = self.events().await;
        events
            .into_iter()
            .rfind(|e| e["type"] == kind)
            .unwrap_or_else(|| panic!("no {kind}"))
    }

    /// Sends an event as the provider signs it.
    pub async fn deliver(&self, event: &Value) -> Answer {
        let body = event.to_string();
        let signature = sign(&Secret::new(SECRET), body.as_bytes(), self.clock.now());
        self.webhook(&signature, body).await
    }

    pub async fn webhook(&self, signature: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/payments/webhook")
            .header("content-type", "application/json")
            .header("stripe-signature", signature);
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn deliver_all(&self) {
        for event in self.events().await {
            assert_eq!(self.deliver(&event).await.status, 200);
        }
    }

    // Afterwards.

    /// Does all work that is due.
    pub async fn settle(&self) {
        loop {
            let mut done = jobs::webhooks::run_due(&self.app).await.unwrap();
            done += jobs::operations::run_due(&self.app).await.unwrap();
            done += self.app.relay.run_due().await.unwrap();
            if done == 0 {
                return;
            }
        }
    }

    /// Moves the clock, then does what is due by then.
    pub async fn after(&self, span: Duration) {
        self.clock.advance(span);
        self.settle().await;
    }

    /// What order-service heard, by its short names.
    pub fn heard(&self) -> Vec<String> {
        let heard = self.shop.heard.lock().unwrap();
        heard
            .iter()
            .map(|(kind, _)| {
                kind.trim_start_matches("payment.")
                    .trim_end_matches(".v1")
                    .to_owned()
            })
            .collect()
    }

    /// Numbers from the database.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.db.pool).await.unwrap()
    }
}

impl Drop for Payments {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

async fn read(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or(json!(null));
    Answer {
        status: head.status,
        headers: head.headers,
        body,
    }
}
