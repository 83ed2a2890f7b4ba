//! A gateway, the services behind it (which write down what reaches them) and somebody who calls.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api_gateway::{Config, Neighbours};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use runtime::{Limits, Neighbour, Settings, Shared};
use serde_json::Value;
use souk_http::{Claims, request_layer, with_fallbacks};
use time::macros::datetime;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use types::{Clock, Role, TestClock, UserId};
use wire::rpc::identity::identity_server::{Identity, IdentityServer};
use wire::rpc::identity::{
    CheckSessionReply, CheckSessionRequest, ContactReply, ContactRequest, PublicKey, PublicKeysReply,
    PublicKeysRequest,
};

/// What reached a service.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) service: &'static str,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The problem's code, after a look at what each problem must have (GW-13).
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem = self.json();
        for member in ["type", "title", "code", "requestId"] {
            assert!(problem[member].is_string(), "{member}: {problem}");
        }
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["requestId"], self.header("x-request-id"));
        problem["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn expect(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.code().as_str()),
            (status, code),
            "{self:?}"
        );
    }
}

/// How a gateway is to be started.
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) order: Option<Neighbour>,
}

pub(crate) struct Gateway {
    pub(crate) router: Router,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
    /// Whether user-service tells its keys.
    pub(crate) keys_up: Arc<AtomicBool>,
    pub(crate) shared: Shared,
    signer: EncodingKey,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let mut settings = Settings::of([("RATE_LIMIT".to_owned(), "off".to_owned())], None);
        let config = Config::read(&mut settings);
        settings.finish().unwrap();
        let mut setup = Setup { config, order: None };
        change(&mut setup);

        let clock = Arc::new(TestClock::at(datetime!(2026-03-01 12:00 UTC)));
        let shared = Shared::new(Arc::<TestClock>::clone(&clock));
        let pair = Ed25519KeyPair::generate().unwrap();
        let signer = EncodingKey::from_ed_der(pair.to_pkcs8().unwrap().as_ref());
        let keys_up = Arc::new(AtomicBool::new(true));
        let identity = Keys {
            public: pair.public_key().as_ref().to_vec(),
            up: Arc::clone(&keys_up),
        };
        let identity = tonic::service::Routes::new(IdentityServer::new(identity)).into_axum_router();

        let seen = Arc::new(Mutex::new(Vec::new()));
        let double = |name| local(double(name, Arc::clone(&seen)));
        let neighbours = Neighbours {
            user_rpc: local(identity),
            user: double("user-service"),
            product: double("product-service"),
            order: setup.order.unwrap_or_else(|| double("order-service")),
            payment: double("payment-service"),
        };
        let app = api_gateway::build(setup.config, neighbours, shared.clone())
            .await
            .unwrap();
        Self {
            router: app.public,
            clock,
            seen,
            keys_up,
            shared,
            signer,
        }
    }

    pub(crate) fn token(&self, user: i64) -> String {
        self.token_for(user, 900)
    }

    pub(crate) fn token_for(&self, user: i64, life: i64) -> String {
        let user = UserId::new(user).unwrap();
        let claims = Claims::new(
            user,
            Role::Customer,
            "s1",
            "t1".to_owned(),
            self.clock.now(),
            life,
        );
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some("k1".to_owned());
        jsonwebtoken::encode(&header, &claims, &self.signer).unwrap()
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        read(response).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(request("GET", path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get_as(&self, user: i64, path: &str) -> Answer {
        let request = request("GET", path).header("authorization", format!("Bearer {}", self.token(user)));
        self.call(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = request("POST", path)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.token(1)));
        self.call(request.body(body.into()).unwrap()).await
    }

    /// The last request that reached a service.
    pub(crate) fn last_seen(&self) -> Seen {
        self.seen
            .lock()
            .unwrap()
            .last()
            .cloned()
            .expect("a request reached a service")
    }

    pub(crate) fn reached(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Serves it on a port, as in production.
    pub(crate) async fn listen(&self) -> SocketAddr {
        listen(self.router.clone(), Limits::EDGE).await
    }
}

/// Serves `router` on a port of its own.
pub(crate) async fn listen(router: Router, limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tracker = TaskTracker::new();
    let serving = runtime::serve(
        listener,
        router,
        limits,
        tracker.clone(),
        CancellationToken::new(),
        Duration::ZERO,
    );
    tracker.spawn(serving);
    address
}

/// Sends `bytes` and reads until the other side closes (or ten seconds are over).
pub(crate) async fn raw(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // What is refused early may be closed before all is sent.
    let _ = stream.write_all(bytes.as_ref()).await;
    let mut answer = Vec::new();
    let all = async {
        let mut piece = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut piece).await {
            answer.extend_from_slice(&piece[..count]);
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all)
        .await
        .expect("the connection is closed");
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "shop.test")
}

/// As if it came from `address`.
pub(crate) fn from(address: &str, mut request: Request<Body>) -> Request<Body> {
    let peer: SocketAddr = SocketAddr::new(address.parse().unwrap(), 4_000);
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

pub(crate) async fn read(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

pub(crate) fn local(router: Router) -> Neighbour {
    let (neighbour, slot) = Neighbour::local();
    slot.set(router).unwrap();
    neighbour
}

/// A service that writes down what reaches it and answers by the last part of the path.
pub(crate) fn double(service: &'static str, seen: Arc<Mutex<Vec<Seen>>>) -> Router {
    let answer = move |request: Request<Body>| {
        let seen = Arc::clone(&seen);
        async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = body.collect().await else {
                return (StatusCode::BAD_REQUEST, "the body ended early").into_response();
            };
            let uri = parts.uri.clone();
            seen.lock().unwrap().push(Seen {
                service,
                method: parts.method,
                uri: parts.uri,
                headers: parts.headers,
                body: body.to_bytes(),
            });
            answer(service, &uri).await
        }
    };
    let only_get = axum::routing::get(|| async { "only for reading" });
    let router = Router::new()
        .route("/products/only-get", only_get)
        .route("/health/all", axum::routing::get(move || well(service)))
        .fallback_service(tower::service_fn(move |request| {
            let answer = answer(request);
            async move { Ok::<_, Infallible>(answer.await) }
        }))
        .method_not_allowed_fallback(|| async {
            souk_http::Problem::new(wire::code::METHOD_NOT_ALLOWED).into_response()
        });
    request_layer(router, service)
}

async fn well(service: &'static str) -> axum::Json<Value> {
    axum::Json(serde_json::json!({"status": "ok", "service": service, "dependencies": {}}))
}

async fn answer(service: &'static str, uri: &Uri) -> Response {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let last = if uri.path().contains("/slow/") {
        "hang"
    } else {
        last
    };
    match last {
        "hang" => std::future::pending().await,
        "stall" => {
            let frames = futures::stream::once(async { Ok::<_, Infallible>("half") });
            let frames = futures::StreamExt::chain(frames, futures::stream::pending());
            Body::from_stream(frames).into_response()
        }
        "500" => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "select * from users; at /srv/db.rs",
        )
            .into_response(),
        "503" => (StatusCode::SERVICE_UNAVAILABLE, "db-7.internal is down").into_response(),
        "404" => (StatusCode::NOT_FOUND, "no such row").into_response(),
        "problem" => souk_http::Problem::new(wire::code::INSUFFICIENT_STOCK)
            .with("orderId", 81)
            .into_response(),
        "created" => (StatusCode::CREATED, [("location", "/orders/7")], "{}").into_response(),
        "elsewhere" => (StatusCode::FOUND, [("location", "https://stripe.example/x")]).into_response(),
        "chatty" => {
            let headers = [
                ("server", "nginx/1.2"),
                ("x-powered-by", "Express"),
                ("connection", "x-secret"),
                ("x-secret", "1"),
                ("keep-alive", "timeout=9"),
                ("access-control-allow-origin", "*"),
                ("x-internal-host", "db-7"),
            ];
            (headers, "{}").into_response()
        }
        "large" => {
            let headers = [("content-type", "application/json"), ("etag", "\"v1\"")];
            (headers, format!("[{}1]", "1,".repeat(5_000))).into_response()
        }
        "picture" => ([("content-type", "image/png")], vec![7_u8; 5_000]).into_response(),
        "packed" => {
            let headers = [("content-type", "application/json"), ("content-encoding", "br")];
            (headers, vec![7_u8; 5_000]).into_response()
        }
        _ => axum::Json(serde_json::json!({"service": service, "path": uri.to_string()})).into_response(),
    }
}

/// A service whose handlers are found by axum and whose misses are problems, as the real ones.
pub(crate) fn strict_service() -> Router {
    let router = Router::new()
        .route(
            "/orders",
            axum::routing::get(|| async { "[]" }).post(|| async { "{}" }),
        )
        .route("/orders/panic", axum::routing::get(panics));
    with_fallbacks(router)
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

struct Keys {
    public: Vec<u8>,
    up: Arc<AtomicBool>,
}

#[tonic::async_trait]
impl Identity for Keys {
    async fn public_keys(
        &self,
        _: tonic::Request<PublicKeysRequest>,
    ) -> Result<tonic::Response<PublicKeysReply>, tonic::Status> {
        if !self.up.load(Ordering::SeqCst) {
            return Err(tonic::Status::unavailable("down"));
        }
        let key = PublicKey {
            kid: "k1".to_owned(),
            ed25519: self.public.clone(),
        };
        Ok(tonic::Response::new(PublicKeysReply { keys: vec![key] }))
    }

    async fn check_session(
        &self,
        _: tonic::Request<CheckSessionRequest>,
    ) -> Result<tonic::Response<CheckSessionReply>, tonic::Status> {
        Ok(tonic::Response::new(CheckSessionReply { active: true }))
    }

    async fn contact(
        &self,
        _: tonic::Request<ContactRequest>,
    ) -> Result<tonic::Response<ContactReply>, tonic::Status> {
        Err(tonic::Status::unimplemented("nobody asks for an address here"))
    }
}
