//! The road from Stripe to the shop's webhook endpoint, on which webhooks are doubled, refused, lost and overtaken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, Method, StatusCode};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::http::Http;
use super::plan::Mischief;

/// So many are held back before they go on, the last one first.
const OVERTAKEN: usize = 4;
/// How long they are held back at most.
const HELD_BACK: Duration = Duration::from_millis(400);
/// How often a webhook that was taken is carried on before it is lost.
const ATTEMPTS: u32 = 20;

/// The road.
#[derive(Clone)]
pub(super) struct Road {
    to: Http,
    mischief: Arc<Mutex<Option<(Mischief, Instant)>>>,
    held: Arc<Mutex<Vec<Letter>>>,
    tracker: TaskTracker,
}

struct Letter {
    signature: String,
    body: Bytes,
}

impl Road {
    /// Opens the road to the gateway at `to`; returns it and its own address.
    pub(super) async fn open(
        to: Http,
        tracker: &TaskTracker,
        stop: CancellationToken,
    ) -> std::io::Result<(Self, String)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}/webhook", listener.local_addr()?);
        let road = Self {
            to,
            mischief: Arc::default(),
            held: Arc::default(),
            tracker: tracker.clone(),
        };
        let router = Router::new()
            .route("/webhook", post(take))
            .with_state(road.clone());
        tracker.spawn(async move {
            let served = axum::serve(listener, router).into_future();
            tokio::select! {
                () = stop.cancelled() => {}
                _ = served => {}
            }
        });
        Ok((road, address))
    }

    /// Webhooks suffer this for so long.
    pub(super) fn set(&self, mischief: Mischief, lasts: Duration) {
        *self.mischief.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((mischief, Instant::now() + lasts));
    }

    fn now(&self) -> Option<Mischief> {
        let mischief = *self.mischief.lock().unwrap_or_else(PoisonError::into_inner);
        mischief
            .filter(|(_, until)| Instant::now() < *until)
            .map(|(mischief, _)| mischief)
    }

    async fn carry(&self, letter: &Letter) -> Option<StatusCode> {
        let to = self.to.with("stripe-signature", letter.signature.clone());
        let path = "/api/payments/webhook";
        let answer = to
            .send(Method::POST, path, "application/json", letter.body.clone())
            .await;
        StatusCode::from_u16(answer.ok()?.status).ok()
    }

    /// Holds a letter back; the fullness of the pile or a little time sends all of it on, last first.
    fn hold_back(&self, letter: Letter) {
        let full = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.push(letter);
            held.len() >= OVERTAKEN
        };
        let road = self.clone();
        self.tracker.spawn(async move {
            if !full {
                tokio::time::sleep(HELD_BACK).await;
            }
            let held = std::mem::take(&mut *road.held.lock().unwrap_or_else(PoisonError::into_inner));
            for letter in held.iter().rev() {
                for _ in 0..ATTEMPTS {
                    if road.carry(letter).await.is_some_and(|status| status.is_success()) {
                        break;
                    }
                    tokio::time::sleep(HELD_BACK).await;
                }
            }
        });
    }
}

async fn take(State(road): State<Road>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get("stripe-signature").and_then(|v| v.to_str().ok());
    let letter = Letter {
        signature: signature.unwrap_or_default().to_owned(),
        body,
    };
    let away = StatusCode::BAD_GATEWAY;
    match road.now() {
        None => road.carry(&letter).await.unwrap_or(away),
        Some(Mischief::Duplicate) => {
            let (first, _) = futures::join!(road.carry(&letter), road.carry(&letter));
            first.unwrap_or(away)
        }
        Some(Mischief::Refuse) => StatusCode::SERVICE_UNAVAILABLE,
        Some(Mischief::Lose) => StatusCode::OK,
        Some(Mischief::Reorder) => {
            road.hold_back(letter);
            StatusCode::OK
        }
    }
}
