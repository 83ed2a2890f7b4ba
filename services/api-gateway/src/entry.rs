//! The door: every request comes in here and every answer leaves here, the gateway's own pages included. The path
//! is put in order once, and security headers, CORS and compression are added once.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request};
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HOST, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use runtime::BadHead;
use souk_http::{Problem, request_layer};
use tower::ServiceExt as _;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate as _, SizeAbove};

use crate::NAME;
use crate::client::Client;
use crate::config::Config;
use crate::cors::Origins;
use crate::error::{Failure, HEADERS_LIMIT, URL_LIMIT};
use crate::path;

/// Smaller answers fit into one packet; packing them helps nobody.
const WORTH_PACKING: u64 = 860;
const ONE_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");
/// An answer of an API loads nothing and is framed by nobody.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// The page that shows the API: its own files and the styles that it writes itself.
const OWN_FILES: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
);

/// What stands around the routes.
#[derive(Clone)]
pub(crate) struct Entry(Arc<Inner>);

struct Inner {
    /// Everything behind the door.
    routes: Router,
    /// Where requests go that may not come in, so that they are logged and counted like others.
    turned_away: Router,
    origins: Origins,
    hops: usize,
    strict_transport: bool,
}

impl Entry {
    pub(crate) fn new(config: &Config, routes: Router) -> Self {
        let turned_away =
            Router::new().fallback(|Extension(failure): Extension<Failure>| async { Problem::from(failure) });
        Self(Arc::new(Inner {
            routes,
            turned_away: request_layer(turned_away, NAME),
            origins: config.origins.clone(),
            hops: config.trusted_hops,
            strict_transport: config.strict_transport,
        }))
    }

    /// The door as a router of one route.
    pub(crate) fn into_router(self) -> Router {
        let worth_it = SizeAbove::new(WORTH_PACKING)
            .and(NotForContentType::IMAGES)
            .and(NotForContentType::GRPC)
            .and(NotForContentType::SSE)
            .and(NotForContentType::const_new("application/zip"));
        Router::new()
            .fallback(move |request| {
                let entry = self.clone();
                async move { entry.pass(request).await }
            })
            .layer(
                CompressionLayer::new()
                    .quality(CompressionLevel::Fastest)
                    .compress_when(worth_it),
            )
            .layer(map_response(weaken_etag))
    }

    async fn pass(&self, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let client = Client::of(&parts, self.0.hops);
        let origin = parts.headers.get(ORIGIN).cloned();
        let asks_options = parts.method == Method::OPTIONS;

        let mut docs = false;
        let mut response = if let Some(preflight) = self.0.origins.preflight(&parts) {
            preflight
        } else if asks_options && parts.uri.path() == "*" {
            StatusCode::NO_CONTENT.into_response()
        } else {
            let router = match check(&parts).and_then(|()| path::normalise(&parts.uri).map_err(Failure::Path))
            {
                Ok(uri) => {
                    docs = uri.path() == "/docs" || uri.path().starts_with("/docs/");
                    parts.uri = uri;
                    &self.0.routes
                }
                Err(failure) => {
                    parts.uri = http::Uri::from_static("/");
                    parts.extensions.insert(failure);
                    &self.0.turned_away
                }
            };
            parts.extensions.insert(client.clone());
            match router.clone().oneshot(Request::from_parts(parts, body)).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        };

        if asks_options {
            tell_methods(&mut response);
        }
        let headers = response.headers_mut();
        self.0.origins.write(origin.as_ref(), headers);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(CONTENT_SECURITY_POLICY, if docs { OWN_FILES } else { NOTHING });
        if self.0.strict_transport || client.secure {
            headers.insert(STRICT_TRANSPORT_SECURITY, ONE_YEAR);
        }
        response
    }
}

/// What can be told from the head alone.
fn check(parts: &Parts) -> Result<(), Failure> {
    match parts.extensions.get::<BadHead>() {
        Some(BadHead::Unclear) => return Err(Failure::Unclear),
        Some(BadHead::TooLarge) => return Err(Failure::Headers),
        None => {}
    }
    if parts
        .uri
        .path_and_query()
        .is_some_and(|target| target.as_str().len() > URL_LIMIT)
    {
        return Err(Failure::Url);
    }
    // As HTTP/1.1 spells them: `name: value\r\n`.
    let bytes: usize = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if bytes > HEADERS_LIMIT {
        return Err(Failure::Headers);
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    let named =
        hosts.next().is_some() || parts.uri.authority().is_some() || parts.version != Version::HTTP_11;
    if !named || hosts.next().is_some() {
        return Err(Failure::Host);
    }
    Ok(())
}

/// `OPTIONS` asks which methods there are; the refusal of `OPTIONS` names them.
fn tell_methods(response: &mut Response) {
    let allow = response.headers().get(ALLOW).and_then(|v| v.to_str().ok());
    let (StatusCode::METHOD_NOT_ALLOWED, Some(allow)) = (response.status(), allow) else {
        return;
    };
    let Ok(allow) = HeaderValue::from_str(&format!("{allow},OPTIONS")) else {
        return;
    };
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.body_mut() = Body::empty();
    let headers: &mut HeaderMap = response.headers_mut();
    const OF_THE_BODY: [HeaderName; 3] = [CONTENT_TYPE, CONTENT_LENGTH, CACHE_CONTROL];
    for name in OF_THE_BODY {
        headers.remove(name);
    }
    headers.insert(ALLOW, allow);
}

/// A packed answer is not byte for byte the plain one, so its tag is weak; services compare tags weakly.
async fn weaken_etag(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let tag = headers.get(ETAG).and_then(|v| v.to_str().ok());
    if headers.contains_key(CONTENT_ENCODING)
        && let Some(tag) = tag.filter(|tag| !tag.starts_with("W/"))
        && let Ok(weak) = HeaderValue::from_str(&format!("W/{tag}"))
    {
        headers.insert(ETAG, weak);
    }
    response
}
