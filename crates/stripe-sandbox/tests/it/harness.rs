//! A sandbox in memory or on a file, called as curl does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use runtime::{App, Shared, SystemClock};
use serde_json::Value;
use stripe_sandbox::{Config, build};
use tower::ServiceExt as _;

pub struct Sandbox {
    router: Router,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub json: Value,
    /// Whether the connection broke in the middle of it.
    pub broke: bool,
}

impl Sandbox {
    pub async fn open(data_file: Option<&Path>) -> Self {
        let config = Config {
            data_file: data_file.map(PathBuf::from),
            ..Config::default()
        };
        Self::of(&build(config, Shared::new(Arc::new(SystemClock))).await.unwrap())
    }

    pub fn of(app: &App) -> Self {
        Self {
            router: app.public.clone(),
        }
    }

    /// Sends `form` under `key`, if there is one.
    pub async fn send(&self, method: Method, path: &str, form: &str, key: Option<&str>) -> Answer {
        let login = base64::engine::general_purpose::STANDARD.encode("sk_test_souk_sandbox:");
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Basic {login}"))
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.map(|b| b.to_bytes());
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            broke: bytes.is_err(),
            json: serde_json::from_slice(&bytes.unwrap_or_default()).unwrap_or_default(),
        }
    }

    pub async fn post(&self, path: &str, form: &str) -> Answer {
        self.send(Method::POST, path, form, None).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "", None).await
    }

    /// A new intent of 20.00 USD.
    pub async fn intent(&self) -> String {
        let made = self.post("/v1/payment_intents", "amount=2000&currency=usd").await;
        assert_eq!(made.status, 200, "{}", made.json);
        made.json["id"].as_str().unwrap().to_owned()
    }

    pub async fn confirm(&self, intent: &str, card: &str) -> Answer {
        let path = format!("/v1/payment_intents/{intent}/confirm");
        self.post(&path, &format!("payment_method={card}")).await
    }

    /// An intent paid with `card`, and its charge.
    pub async fn paid(&self, card: &str) -> (String, String) {
        let intent = self.intent().await;
        let paid = self.confirm(&intent, card).await;
        assert_eq!(paid.json["status"], "succeeded", "{}", paid.json);
        (intent, paid.json["latest_charge"].as_str().unwrap().to_owned())
    }

    /// Moves the sandbox's time.
    pub async fn advance(&self, seconds: i64) {
        let moved = self
            .post("/_sandbox/clock/advance", &format!("seconds={seconds}"))
            .await;
        assert_eq!(moved.status, 200, "{}", moved.json);
    }

    /// The types of all events so far, the latest first.
    pub async fn events(&self) -> Vec<String> {
        let events = self.get("/v1/events?limit=100").await.json;
        let types = events["data"].as_array().unwrap().iter();
        types.map(|e| e["type"].as_str().unwrap().to_owned()).collect()
    }
}

/// A place for a journal, gone with this value.
pub struct TempDir(PathBuf);

impl TempDir {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("souk-sandbox-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("stripe.jsonl")
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}
