//! What came back.

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub async fn of(public: &Router, request: Request<Body>) -> Self {
        let response = public.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Self {
            status: head.status,
            headers: head.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

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
