//! HTTP as a buyer speaks it.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// How long an answer is waited for; a buyer then asks again.
const PATIENCE: Duration = Duration::from_secs(12);

/// A server, and a pool of connections to it.
#[derive(Clone)]
pub(super) struct Http {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
    headers: Vec<(&'static str, String)>,
}

/// What it answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    /// A member of the body as text; empty if it is not there.
    pub(super) fn text(&self, pointer: &str) -> String {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    }

    /// A member of the body as a number.
    pub(super) fn number(&self, pointer: &str) -> Option<i64> {
        self.body.pointer(pointer).and_then(Value::as_i64)
    }

    /// A member of the body as a list; empty if it is not there.
    pub(super) fn list(&self, pointer: &str) -> Vec<Value> {
        let found = self.body.pointer(pointer).and_then(Value::as_array);
        found.cloned().unwrap_or_default()
    }
}

impl Http {
    pub(super) fn new(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            headers: Vec::new(),
        }
    }

    /// The same server, called with this header too.
    pub(super) fn with(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut http = self.clone();
        http.headers.retain(|(known, _)| *known != name);
        http.headers.push((name, value.into()));
        http
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer, String> {
        self.send(Method::GET, path, "", Bytes::new()).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, String> {
        let body = body.to_string().into();
        self.send(Method::POST, path, "application/json", body).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Answer, String> {
        let body = body.to_string().into();
        self.send(Method::PUT, path, "application/json", body).await
    }

    pub(super) async fn form(&self, path: &str, body: String) -> Result<Answer, String> {
        let kind = "application/x-www-form-urlencoded";
        self.send(Method::POST, path, kind, body.into()).await
    }

    /// Sends a request; `Err` where nobody answers in time.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: Bytes,
    ) -> Result<Answer, String> {
        let uri = format!("{}{path}", self.base);
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let request = request.body(Full::new(body)).map_err(|e| e.to_string())?;
        let answer = async {
            let response = self.client.request(request).await.map_err(|e| e.to_string())?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map_err(|e| e.to_string())?;
            let body = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
            Ok(Answer { status, body })
        };
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(answer) => answer,
            Err(_) => Err("no answer in time".to_owned()),
        }
    }
}
