//! What the gateway answers itself: where things are, what the API looks like, how each service is.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use runtime::{Condition, DEGRADED, Dependency, OK};
use serde_json::{Map, Value, json};
use souk_http::{Json, etag};
use tower_http::decompression::DecompressionLayer;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::forward::Gateway;

/// The whole API as OpenAPI 3.1, committed. A test of the contract compares it with what the services serve.
const OPENAPI: &str = include_str!("../openapi.json");

pub(crate) fn router() -> Router<Gateway> {
    let docs: Router<Gateway> = SwaggerUi::new("/docs")
        .config(Config::from("/api/openapi.json"))
        .into();
    Router::new()
        .route("/", get(index))
        .route("/health/all", get(health_all))
        .route("/api/openapi.json", get(openapi))
        // They are packed in the program, and go out as each client can read them: the entry packs again.
        .merge(docs.layer(DecompressionLayer::new()))
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

/// How each service is, and what it uses; 503 if a service is not well. One that goes on without something that it uses is
/// degraded, which is 200: the shop sells. For people and dashboards: no probe should ask it, since one dead service must
/// not take the others' entry away (OPS-1).
async fn health_all(State(gateway): State<Gateway>) -> Response {
    let (all, own) = tokio::join!(
        gateway.upstreams().health(),
        Dependency::all(gateway.dependencies())
    );
    let works = |status: &str| matches!(status, OK | DEGRADED);
    let whole = own.values().all(Condition::is_ok) && all.iter().all(|seen| seen.status == OK);
    let (status, word) = if !all.iter().all(|seen| works(&seen.status)) {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    } else if whole {
        (StatusCode::OK, OK)
    } else {
        (StatusCode::OK, DEGRADED)
    };
    let services: Map<String, Value> = all
        .into_iter()
        .map(|seen| {
            let latency = u64::try_from(seen.latency.as_millis()).unwrap_or(u64::MAX);
            (
                seen.name.to_owned(),
                json!({"status": seen.status, "latencyMs": latency, "dependencies": seen.dependencies}),
            )
        })
        .collect();
    let body = json!({"status": word, "service": crate::NAME, "dependencies": own, "services": services});
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
