//! What happens around every request: its context, its log line, its metrics; and a problem where it panics or
//! finds no route.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use http::{HeaderValue, Method};
use runtime::context::{self, Context, REQUEST_ID};
use wire::code;

use crate::meter::Meter;
use crate::problem::Problem;

/// The largest JSON body (GW-4).
const JSON_LIMIT: usize = 1024 * 1024;

/// Adds problems for unknown paths and methods.
pub fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .fallback(|request: Request| async move {
            let path: String = request.uri().path().chars().take(80).collect();
            Problem::new(code::NOT_FOUND).detail(format!("There is nothing at {path}."))
        })
        .method_not_allowed_fallback(|method: Method| async move {
            Problem::new(code::METHOD_NOT_ALLOWED)
                .detail(format!("{method} is not offered here; `Allow` names what is."))
        })
}

/// Wraps `router` for `service`: bodies are bounded, each request gets its context, one log line and metrics by
/// route template, and a panic becomes a 500.
pub fn request_layer(router: Router, service: &'static str) -> Router {
    let meter = Arc::new(Meter::new(service));
    router
        .layer(DefaultBodyLimit::max(JSON_LIMIT))
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            handle(service, Arc::clone(&meter), request, next)
        }))
}

async fn handle(service: &'static str, meter: Arc<Meter>, request: Request, next: Next) -> Response {
    let context = Context::from_headers(service, request.headers());
    let request_id = HeaderValue::from_str(&context.request_id).ok();
    let mut response = context::scope(context, observe(&meter, request, next)).await;
    if let Some(id) = request_id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn observe(meter: &Meter, request: Request, next: Next) -> Response {
    let _running = meter.running();
    let started = Instant::now();
    let method = request.method().clone();
    // The template, never the path: a hundred thousand URLs are one series (GW-15).
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_panic) => Problem::fault("the handler panicked").into_response(),
    };
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let (status, took) = (response.status().as_u16(), started.elapsed());
    meter.note(route, &method, status, took);
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(%method, route, status, ms, "request");
    response
}
