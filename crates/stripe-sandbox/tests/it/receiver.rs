//! Who listens to the webhooks, and a sandbox that sends them there.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, StatusCode};
use runtime::{Bindings, Limits, Running, Secret, Served, Shared, SystemClock};
use serde_json::Value;
use sha2::Sha256;
use stripe_sandbox::{Config, EnabledEvents, build};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::harness::Sandbox;

const SECRET: &str = "whsec_of-this-test-0123456789abcdef";
/// More answers than are ever given at a time.
const ANSWERS: usize = 1_000;

/// One attempt as it arrived.
pub struct Arrival {
    signature: String,
    pub body: Bytes,
}

impl Arrival {
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The time of the signature, which must be over the very bytes that came.
    pub fn signed_at(&self) -> i64 {
        let (time, signature) = self.signature.split_once(",v1=").unwrap();
        let time = time.strip_prefix("t=").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{time}.").as_bytes());
        mac.update(&self.body);
        mac.verify_slice(&hex::decode(signature).unwrap()).unwrap();
        time.parse().unwrap()
    }
}

/// Whoever listens: refuses so many attempts, then takes what comes, once the gate lets it answer.
pub struct Receiver {
    pub address: SocketAddr,
    pub arrivals: mpsc::UnboundedReceiver<Arrival>,
    gate: Arc<Semaphore>,
}

impl Receiver {
    pub fn listen(shared: &Shared, listener: TcpListener, refuse: u32) -> Self {
        let address = listener.local_addr().unwrap();
        let (arrive, arrivals) = mpsc::unbounded_channel();
        let refuse = Arc::new(AtomicU32::new(refuse));
        let gate = Arc::new(Semaphore::new(ANSWERS));
        let waits = Arc::clone(&gate);
        let take = post(async move |headers: HeaderMap, body: Bytes| {
            let signature = headers["stripe-signature"].to_str().unwrap().to_owned();
            arrive.send(Arrival { signature, body }).unwrap();
            drop(waits.acquire().await.unwrap());
            match refuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
                Ok(_) => StatusCode::INTERNAL_SERVER_ERROR,
                Err(_) => StatusCode::OK,
            }
        });
        let serving = runtime::serve(
            listener,
            Router::new().route("/hook", take),
            Limits::INSIDE,
            shared.tracker.clone(),
            shared.stop.clone(),
            Duration::from_secs(5),
        );
        shared.tracker.spawn(serving);
        Self {
            address,
            arrivals,
            gate,
        }
    }

    /// Has the next attempts wait for their answer; with what this gives they get it.
    pub async fn hold(&self) -> OwnedSemaphorePermit {
        let all = u32::try_from(ANSWERS).unwrap();
        Arc::clone(&self.gate).acquire_many_owned(all).await.unwrap()
    }

    pub async fn next(&mut self) -> Arrival {
        tokio::time::timeout(Duration::from_secs(20), self.arrivals.recv())
            .await
            .expect("a delivery")
            .unwrap()
    }

    /// The types of the next events that come, in the order of their names.
    pub async fn types(&mut self, count: usize) -> Vec<String> {
        let mut types = Vec::new();
        for _ in 0..count {
            types.push(self.next().await.event()["type"].as_str().unwrap().to_owned());
        }
        types.sort();
        types
    }
}

pub async fn start(shared: &Shared, target: SocketAddr, data_file: Option<&Path>) -> (Sandbox, Running) {
    start_telling(shared, target, EnabledEvents::All, data_file).await
}

pub async fn start_telling(
    shared: &Shared,
    target: SocketAddr,
    webhook_events: EnabledEvents,
    data_file: Option<&Path>,
) -> (Sandbox, Running) {
    let config = Config {
        webhook_url: Some(format!("http://{target}/hook").parse().unwrap()),
        webhook_events,
        webhook_secret: Secret::new(SECRET),
        data_file: data_file.map(Path::to_path_buf),
        ..Config::default()
    };
    let app = build(config, shared.clone()).await.unwrap();
    let sandbox = Sandbox::of(&app);
    let served = Served {
        app,
        bindings: Bindings::default(),
        limits: Limits::INSIDE,
    };
    (sandbox, Running::start(vec![served], shared.clone()))
}

pub fn shared() -> Shared {
    Shared::new(Arc::new(SystemClock))
}

pub async fn any_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Returns once the stand-in knows that every event was taken.
pub async fn all_taken(stripe: &Sandbox) {
    let taken = async {
        while stripe.get("/_sandbox/webhooks").await.json["pending"] != 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), taken)
        .await
        .expect("all is taken");
}
