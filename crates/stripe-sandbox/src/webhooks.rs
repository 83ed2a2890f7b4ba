//! Webhooks: events that were committed are posted, signed, until the receiver takes them.

mod queue;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use runtime::Secret;
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

pub(crate) use queue::{Job, Queue};

use crate::sandbox::Sandbox;

/// Deliveries at a time.
const AT_ONCE: usize = 8;
/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is read of its answer, so that the connection can be used again.
const MOST_READ: usize = 64 * 1024;

type Http = Client<HttpConnector, Full<Bytes>>;

/// Delivers what is due to `target` until `stop`.
pub(crate) async fn deliver(sandbox: Arc<Sandbox>, target: Uri, stop: CancellationToken) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_secs(2)));
    let client: Http = Client::builder(TokioExecutor::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_timer(TokioTimer::new())
        .build(connector);

    sandbox.webhooks_recover();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(job) = sandbox.next_webhook()
        {
            running.push(attempt(&sandbox, &client, &target, job));
        }
        let next = sandbox.next_webhook_at().filter(|_| running.len() < AT_ONCE);
        let pause = async {
            match next {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = sandbox.webhooks_wait() => {}
            () = pause => {}
            Some(()) = running.next(), if !running.is_empty() => {}
        }
    }
}

async fn attempt(sandbox: &Sandbox, client: &Http, target: &Uri, job: Job) {
    // The time of the signature is that of the attempt: receivers refuse old ones.
    let signature = sign(&sandbox.config().webhook_secret, sandbox.wall_clock(), &job.body);
    let outcome =
        match tokio::time::timeout(PATIENCE, post(client, target, signature, job.body.clone())).await {
            Ok(outcome) => outcome,
            Err(_) => Err("no answer in time".to_owned()),
        };
    sandbox.webhook_done(&job, outcome);
}

async fn post(client: &Http, target: &Uri, signature: String, body: Bytes) -> Result<(), String> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(target.clone())
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .header(USER_AGENT, concat!("stripe-sandbox/", env!("CARGO_PKG_VERSION")))
        .header("stripe-signature", signature)
        .body(Full::new(body))
        .map_err(|e| e.to_string())?;
    let response = client
        .request(request)
        .await
        .map_err(|e| match std::error::Error::source(&e) {
            Some(source) => format!("{e}: {source}"),
            None => e.to_string(),
        })?;
    let status = response.status();
    let read = Limited::new(response.into_body(), MOST_READ).collect().await;
    if let Err(error) = read {
        tracing::debug!(%error, "the receiver's answer broke off");
    }
    if status.is_success() {
        Ok(())
    } else {
        Err(format!("it answered {}", status.as_u16()))
    }
}

/// `t=…,v1=…`, HMAC-SHA256 over the time, a dot and the body.
fn sign(secret: &Secret, at: i64, body: &[u8]) -> String {
    let signature = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map(|mut mac| {
        mac.update(at.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    });
    format!("t={at},v1={}", signature.unwrap_or_default())
}
