//! One request's way to its service and back.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, StatusCode, Uri};
use runtime::Dependency;
use souk_http::{MaybeCaller, Problem, Verifier};
use tower::ServiceExt as _;
use tower_http::decompression::RequestDecompression;
use types::UserId;
use wire::code::{self, Code};

use crate::body::{Capped, Cut, Flowing, Timed, Watch};
use crate::client::Client;
use crate::config::Timeouts;
use crate::error::Failure;
use crate::headers;
use crate::policy::{Policies, Verdict};
use crate::routes::{Access, Class, Route};
use crate::upstream::Upstreams;

/// All that requests need.
#[derive(Clone)]
pub(crate) struct Gateway(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    policies: Arc<Policies>,
    upstreams: Upstreams,
    timeouts: Timeouts,
    dependencies: Vec<Dependency>,
}

impl Gateway {
    pub(crate) fn new(
        verifier: Verifier,
        policies: Arc<Policies>,
        upstreams: Upstreams,
        timeouts: Timeouts,
        dependencies: Vec<Dependency>,
    ) -> Self {
        Self(Arc::new(Inner {
            verifier,
            policies,
            upstreams,
            timeouts,
            dependencies,
        }))
    }

    /// What the gateway itself uses.
    pub(crate) fn dependencies(&self) -> &[Dependency] {
        &self.0.dependencies
    }

    pub(crate) fn upstreams(&self) -> &Upstreams {
        &self.0.upstreams
    }
}

/// Checks a request, cheapest check first, and hands it on.
pub(crate) async fn handle(
    State(gateway): State<Gateway>,
    route: &'static Route,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let client = parts
        .extensions
        .get::<Client>()
        .cloned()
        .unwrap_or_else(|| Client::of(&parts, 0));
    headers::clean_request(&mut parts.headers);

    let mut verdict = None;
    let answer = match gateway.admit(route, &mut parts, &client, &mut verdict).await {
        Ok(()) => gateway.forward(route, parts, body, &client).await,
        Err(problem) => Err(problem),
    };
    let mut response = answer.unwrap_or_else(Problem::into_response);
    if let Some(verdict) = verdict {
        verdict.write(response.headers_mut());
    }
    response
}

impl Gateway {
    /// Size, encoding, token, rate: before a byte of the body is read.
    async fn admit(
        &self,
        route: &Route,
        parts: &mut Parts,
        client: &Client,
        verdict: &mut Option<Verdict>,
    ) -> Result<(), Problem> {
        let limit = route.body_limit();
        if declared_length(&parts.headers).is_some_and(|length| length > limit) {
            return Err(Failure::TooLarge { limit }.into());
        }
        if route.class != Class::Webhook && encoding(&parts.headers) == Encoding::Unknown {
            return Err(Failure::Encoding.into());
        }
        let user = if matches!(route.access, Access::Provider | Access::Anyone) {
            Ok(None)
        } else {
            self.user(route, parts).await
        };
        // A refused token counts against the address, so that guessing is limited as well.
        let known = user.as_ref().ok().copied().flatten();
        let policy = route.policy(&parts.method, parts.uri.query());
        *verdict = self.0.policies.take(policy, client.address, known).await;
        if let Some(again) = verdict.and_then(|v| v.refused()) {
            return Err(Failure::Limited { again }.into());
        }
        user.map(drop)
    }

    /// Who calls; refused if the token is not valid, or missing where one is needed.
    async fn user(&self, route: &Route, parts: &mut Parts) -> Result<Option<UserId>, Problem> {
        let MaybeCaller(caller) = MaybeCaller::from_request_parts(parts, &self.0.verifier).await?;
        match caller {
            Some(caller) => Ok(Some(caller.id)),
            None if route.needs_token(&parts.method) => Err(Problem::new(code::UNAUTHENTICATED)
                .detail("Send the access token as `Authorization: Bearer …`.")),
            None => Ok(None),
        }
    }

    async fn forward(
        &self,
        route: &Route,
        parts: Parts,
        body: Body,
        client: &Client,
    ) -> Result<Response, Problem> {
        let timeouts = self.0.timeouts;
        let limit = route.body_limit();
        let within = match route.class {
            Class::Upload => timeouts.upload,
            Class::Standard
            | Class::Auth
            | Class::Catalogue
            | Class::Images
            | Class::Checkout
            | Class::Payments
            | Class::Webhook => timeouts.upstream,
        };
        let unpack = route.class != Class::Webhook && encoding(&parts.headers) == Encoding::Gzip;
        let watch = Watch::default();
        let body = Timed::new(body, timeouts.body, watch.clone());

        let mut request = Request::new(Body::empty());
        *request.method_mut() = parts.method;
        *request.uri_mut() = inside(&parts.uri)?;
        *request.headers_mut() = parts.headers;
        client.write(request.headers_mut());

        let send = |request| {
            self.0
                .upstreams
                .call(route.upstream, request, &watch, within, timeouts.body)
        };
        let answer = if unpack {
            // What comes out is bounded, and so is what goes in: a bomb is cut off at the limit.
            let request = request.map(|_| Capped::new(body, limit, watch.clone()));
            let send = tower::service_fn(|request: Request<_>| {
                send(request.map(|body| Body::new(Capped::new(body, limit, watch.clone()))))
            });
            let answer = RequestDecompression::new(send).oneshot(request).await;
            answer.map(|answer| answer.map(Body::new))
        } else {
            send(request.map(|_| Body::new(Capped::new(body, limit, watch.clone())))).await
        };

        // Whatever the service made of half a body, the client hears what was wrong with it.
        let cut = watch.cut().map(|cut| match cut {
            Cut::TooLarge => Failure::TooLarge { limit },
            Cut::TooSlow => Failure::TooSlow,
            Cut::Broken => Failure::BrokenBody,
        });
        match (cut, answer) {
            (Some(failure), _) | (None, Err(failure)) => Err(failure.into()),
            (None, Ok(answer)) => Ok(outward(answer, timeouts.silence)),
        }
    }
}

/// The service's own path: ours without `/api`.
fn inside(uri: &Uri) -> Result<Uri, Problem> {
    uri.path_and_query()
        .and_then(|target| target.as_str().strip_prefix("/api"))
        .and_then(|target| PathAndQuery::try_from(target).ok())
        .map(Uri::from)
        .ok_or_else(|| Problem::new(code::NOT_FOUND))
}

/// An answer as the client gets it. A failure that is no problem document is replaced by one: it may hold
/// anything (GW-13).
fn outward(mut answer: Response<Body>, silence: Duration) -> Response {
    headers::clean_response(answer.headers_mut());
    let status = answer.status();
    let failed = status.is_client_error() || status.is_server_error();
    if !failed || is_problem(answer.headers()) {
        return answer.map(|body| Body::new(Flowing::new(body, silence)));
    }
    if status.is_server_error() {
        tracing::error!(
            status = status.as_u16(),
            "a service failed without a problem document"
        );
    }
    let Some(code) = code_of(status) else {
        return answer.map(|body| Body::new(Flowing::new(body, silence)));
    };
    let mut response = Problem::new(code).into_response();
    if code == code::UNAVAILABLE && !answer.headers().contains_key(RETRY_AFTER) {
        response.headers_mut().insert(RETRY_AFTER, 2.into());
    }
    const KEPT: [HeaderName; 3] = [ALLOW, RETRY_AFTER, WWW_AUTHENTICATE];
    for name in KEPT {
        if let Some(value) = answer.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn is_problem(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|v| v.as_bytes().starts_with(b"application/problem+json"))
}

/// The problem that stands for a bare status; `None` for those that only a service can explain.
fn code_of(status: StatusCode) -> Option<Code> {
    Some(match status.as_u16() {
        400 => code::MALFORMED,
        401 => code::UNAUTHENTICATED,
        403 => code::FORBIDDEN,
        404 => code::NOT_FOUND,
        405 => code::METHOD_NOT_ALLOWED,
        408 => code::REQUEST_TIMEOUT,
        413 => code::TOO_LARGE,
        414 => code::URI_TOO_LONG,
        415 => code::UNSUPPORTED_MEDIA_TYPE,
        429 => code::RATE_LIMITED,
        431 => code::HEADERS_TOO_LARGE,
        503 => code::UNAVAILABLE,
        504 => code::TIMEOUT,
        500.. => code::INTERNAL,
        _ => return None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
    Unknown,
}

/// How the body is packed. One layer of gzip is unpacked here; anything else is refused (415).
fn encoding(headers: &HeaderMap) -> Encoding {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    match (values.next().map(http::HeaderValue::as_bytes), values.next()) {
        (None | Some(b"identity"), None) => Encoding::Plain,
        (Some(b"gzip"), None) => Encoding::Gzip,
        _ => Encoding::Unknown,
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
