//! The routes, and what is around every request.

mod balance;
mod charges;
mod control;
mod disputes;
mod events;
mod faults;
mod list;
mod payment_intents;
mod record;
mod refunds;
mod request;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{delete, get, post};
use http::{HeaderMap, HeaderName, HeaderValue};
use runtime::context::{self, Context};

use self::record::Record;
use crate::error::ApiError;
use crate::sandbox::Sandbox;
use crate::{API_VERSION, NAME, id};

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The id of a request, as `Request-Id` shows it.
#[derive(Clone)]
struct RequestId(String);

/// Every route.
///
/// # Errors
/// The record that is to be kept cannot be opened.
pub(crate) fn router(sandbox: Arc<Sandbox>) -> io::Result<Router> {
    let record = sandbox
        .config()
        .record_file
        .as_deref()
        .map(Record::open)
        .transpose()?;
    let unknown = |request: Request| async move {
        request::fail(&ApiError::unrecognized_url(
            request.method(),
            request.uri().path(),
        ))
    };
    let router = Router::new()
        .route(
            "/v1/payment_intents",
            post(payment_intents::create).get(payment_intents::list),
        )
        .route(
            "/v1/payment_intents/{id}",
            get(payment_intents::retrieve).post(payment_intents::update),
        )
        .route("/v1/payment_intents/{id}/confirm", post(payment_intents::confirm))
        .route("/v1/payment_intents/{id}/cancel", post(payment_intents::cancel))
        .route("/v1/charges", get(charges::list))
        .route("/v1/charges/{id}", get(charges::retrieve))
        .route("/v1/refunds", post(refunds::create).get(refunds::list))
        .route("/v1/refunds/{id}", get(refunds::retrieve).post(refunds::update))
        .route("/v1/disputes", get(disputes::list))
        .route(
            "/v1/disputes/{id}",
            get(disputes::retrieve).post(disputes::update),
        )
        .route("/v1/disputes/{id}/close", post(disputes::close))
        .route("/v1/balance_transactions", get(balance::list))
        .route("/v1/balance_transactions/{id}", get(balance::retrieve))
        .route("/v1/events", get(events::list))
        .route("/v1/events/{id}", get(events::retrieve))
        .route(
            "/_sandbox/payment_intents/{id}/authenticate",
            post(control::authenticate),
        )
        .route("/_sandbox/refunds/{id}/fail", post(control::fail_refund))
        .route("/_sandbox/charges/{id}/dispute", post(control::dispute))
        .route("/_sandbox/disputes/{id}/close", post(control::close_dispute))
        .route(
            "/_sandbox/disputes/{id}/escalate",
            post(control::escalate_dispute),
        )
        .route("/_sandbox/clock", get(control::clock))
        .route("/_sandbox/clock/advance", post(control::advance))
        .route(
            "/_sandbox/faults",
            post(faults::create).get(faults::list).delete(faults::clear),
        )
        .route("/_sandbox/faults/{id}", delete(faults::remove))
        .route("/_sandbox/webhooks", get(control::webhooks))
        .route("/_sandbox/webhooks/redeliver", post(control::redeliver))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(middleware::from_fn(around))
        .with_state(sandbox);
    Ok(match record.map(Arc::new) {
        None => router,
        Some(record) => router.layer(middleware::from_fn(move |request, next| {
            let record = Arc::clone(&record);
            async move { record.around(request, next).await }
        })),
    })
}

/// Gives every request its id, its context and its log line, and echoes what Stripe echoes.
async fn around(mut request: Request, next: Next) -> Response {
    let context = Context::from_headers(NAME, request.headers());
    let id = id::random("req");
    request.extensions_mut().insert(RequestId(id.clone()));
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let method = request.method().clone();
    let echoed = echoed(request.headers(), &id);
    context::scope(context, async move {
        let mut response = next.run(request).await;
        // A replay names the request that ran.
        for (name, value) in echoed {
            response.headers_mut().entry(name).or_insert(value);
        }
        tracing::info!(%method, route, status = response.status().as_u16(), id, "request");
        response
    })
    .await
}

fn echoed(headers: &HeaderMap, id: &str) -> Vec<(HeaderName, HeaderValue)> {
    let version = headers.get(STRIPE_VERSION).cloned();
    let version = version.unwrap_or(HeaderValue::from_static(API_VERSION));
    let mut echoed = vec![(STRIPE_VERSION, version)];
    echoed.extend(HeaderValue::from_str(id).map(|id| (REQUEST_ID, id)));
    echoed.extend(
        headers
            .get(IDEMPOTENCY_KEY)
            .map(|key| (IDEMPOTENCY_KEY, key.clone())),
    );
    echoed
}

impl axum::response::IntoResponse for ApiError {
    fn into_response(self) -> Response {
        request::fail(&self)
    }
}
