//! Events reach whoever listens: signed, again until they are taken, and across restarts.

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
use stripe_sandbox::{Config, build};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::harness::{Sandbox, TempDir};

const SECRET: &str = "whsec_of-this-test-0123456789abcdef";

/// One attempt as it arrived.
struct Arrival {
    signature: String,
    body: Bytes,
}

impl Arrival {
    fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The time of the signature, which must be over the very bytes that came.
    fn signed_at(&self) -> i64 {
        let (time, signature) = self.signature.split_once(",v1=").unwrap();
        let time = time.strip_prefix("t=").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{time}.").as_bytes());
        mac.update(&self.body);
        mac.verify_slice(&hex::decode(signature).unwrap()).unwrap();
        time.parse().unwrap()
    }
}

/// Whoever listens: refuses so many attempts, then takes what comes.
struct Receiver {
    address: SocketAddr,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

impl Receiver {
    fn listen(shared: &Shared, listener: TcpListener, refuse: u32) -> Self {
        let address = listener.local_addr().unwrap();
        let (arrive, arrivals) = mpsc::unbounded_channel();
        let refuse = Arc::new(AtomicU32::new(refuse));
        let take = post(async move |headers: HeaderMap, body: Bytes| {
            let signature = headers["stripe-signature"].to_str().unwrap().to_owned();
            arrive.send(Arrival { signature, body }).unwrap();
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
        Self { address, arrivals }
    }

    async fn next(&mut self) -> Arrival {
        tokio::time::timeout(Duration::from_secs(20), self.arrivals.recv())
            .await
            .expect("a delivery")
            .unwrap()
    }

    /// The types of the next events that come, in the order of their names.
    async fn types(&mut self, count: usize) -> Vec<String> {
        let mut types = Vec::new();
        for _ in 0..count {
            types.push(self.next().await.event()["type"].as_str().unwrap().to_owned());
        }
        types.sort();
        types
    }
}

async fn start(shared: &Shared, target: SocketAddr, data_file: Option<&Path>) -> (Sandbox, Running) {
    let config = Config {
        webhook_url: Some(format!("http://{target}/hook").parse().unwrap()),
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

fn shared() -> Shared {
    Shared::new(Arc::new(SystemClock))
}

async fn any_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Returns once the stand-in knows that every event was taken.
async fn all_taken(stripe: &Sandbox) {
    let taken = async {
        while stripe.get("/_sandbox/webhooks").await.json["pending"] != 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), taken)
        .await
        .expect("all is taken");
}

const OF_A_PAYMENT: [&str; 3] = [
    "charge.succeeded",
    "payment_intent.created",
    "payment_intent.succeeded",
];

#[tokio::test]
async fn what_happens_is_told_with_a_signature_over_the_bytes_that_are_sent() {
    let shared = shared();
    let mut receiver = Receiver::listen(&shared, any_port().await, 0);
    let (stripe, running) = start(&shared, receiver.address, None).await;
    let intent = stripe.intent().await;
    stripe.confirm(&intent, "pm_card_visa").await;
    let mut types = Vec::new();
    for _ in 0..3 {
        let arrival = receiver.next().await;
        assert!(arrival.signed_at() > 0);
        let event = arrival.event();
        assert_eq!(event["livemode"], false);
        types.push(event["type"].as_str().unwrap().to_owned());
    }
    types.sort();
    assert_eq!(types, OF_A_PAYMENT);
    running.stop(Duration::ZERO).await;
}

#[tokio::test]
async fn an_event_that_is_not_taken_comes_again_the_same_and_freshly_signed() {
    let shared = shared();
    let mut receiver = Receiver::listen(&shared, any_port().await, 3);
    let (stripe, running) = start(&shared, receiver.address, None).await;
    stripe.intent().await;
    let first = receiver.next().await;
    let mut last = first.signed_at();
    for _ in 0..3 {
        // What waits for its next turn is hurried along.
        stripe.post("/_sandbox/webhooks/redeliver", "").await;
        let again = receiver.next().await;
        assert_eq!(again.body, first.body);
        assert!(again.signed_at() >= last);
        last = again.signed_at();
    }
    all_taken(&stripe).await;
    // What was taken comes again only if it is asked for by its id.
    let id = first.event()["id"].as_str().unwrap().to_owned();
    stripe
        .post("/_sandbox/webhooks/redeliver", &format!("event={id}"))
        .await;
    assert_eq!(receiver.next().await.event()["id"], id);
    running.stop(Duration::ZERO).await;
    assert!(receiver.arrivals.try_recv().is_err());
}

#[tokio::test]
async fn what_nobody_took_is_told_after_a_restart() {
    let folder = TempDir::new("webhooks");
    let journal = folder.file();
    let port = any_port().await;
    let target = port.local_addr().unwrap();
    drop(port);
    {
        let shared = shared();
        let (stripe, running) = start(&shared, target, Some(&journal)).await;
        let intent = stripe.intent().await;
        stripe.confirm(&intent, "pm_card_visa").await;
        let waiting = stripe.get("/_sandbox/webhooks").await;
        assert_eq!(waiting.json["pending"], 3, "{}", waiting.json);
        running.stop(Duration::ZERO).await;
    }
    let shared = shared();
    let mut receiver = Receiver::listen(&shared, TcpListener::bind(target).await.unwrap(), 0);
    let (stripe, running) = start(&shared, target, Some(&journal)).await;
    assert_eq!(receiver.types(3).await, OF_A_PAYMENT);
    all_taken(&stripe).await;
    running.stop(Duration::ZERO).await;
    drop(stripe);

    // What was taken is not told once more.
    let shared = self::shared();
    let mut receiver = Receiver::listen(&shared, TcpListener::bind(target).await.unwrap(), 0);
    let (stripe, running) = start(&shared, target, Some(&journal)).await;
    assert_eq!(stripe.get("/_sandbox/webhooks").await.json["pending"], 0);
    running.stop(Duration::ZERO).await;
    assert!(receiver.arrivals.try_recv().is_err());
}
