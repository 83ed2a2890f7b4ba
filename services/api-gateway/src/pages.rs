//! What the gateway answers itself: where things are, what the API looks like, how each service is.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use souk_http::{Json, etag};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::forward::Gateway;

/// The whole API as OpenAPI 3.1, committed. A test of the contract compares it with what the services serve.
const OPENAPI: &str = include_str!("../openapi.json");

pub(crate) fn router() -> Router<Gateway> {
    let docs = SwaggerUi::new("/docs").config(Config::from("/api/openapi.json"));
    Router::new()
        .route("/", get(index))
        .route("/health/all", get(health_all))
        .route("/api/openapi.json", get(openapi))
        .merge(docs)
}

/// Where things are.
async fn index() -> Json<Value> {
    Json(json!({
        "service": crate::NAME,
        "api": "/api",
        "docs": "/docs",
        "openapi": "/api/openapi.json",
        "health": "/health",
        "healthOfAll": "/health/all",
    }))
}

/// How each service is; 503 if one is not well. For people and dashboards: no probe should ask it, since one dead
/// service must not take the others' entry away (OPS-1).
async fn health_all(State(gateway): State<Gateway>) -> Response {
    let all = gateway.upstreams().health().await;
    let well = all.iter().all(|health| health.status == "ok");
    let services: Map<String, Value> = all
        .iter()
        .map(|health| {
            let latency = u64::try_from(health.latency.as_millis()).unwrap_or(u64::MAX);
            (
                health.name.to_owned(),
                json!({"status": health.status, "latencyMs": latency}),
            )
        })
        .collect();
    let (status, word) = if well {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    };
    let body = json!({"status": word, "service": crate::NAME, "services": services});
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// The document, or 304 if the client has it.
async fn openapi(headers: HeaderMap) -> Response {
    let tag = etag(OPENAPI.as_bytes());
    let known = headers
        .get(IF_NONE_MATCH)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|list| {
            list.split(',')
                .any(|t| t.trim().trim_start_matches("W/") == tag || t.trim() == "*")
        });
    let about = [(ETAG, tag.as_str()), (CACHE_CONTROL, "public, max-age=300")];
    if known {
        (StatusCode::NOT_MODIFIED, about).into_response()
    } else {
        (about, [(CONTENT_TYPE, "application/json")], OPENAPI).into_response()
    }
}
