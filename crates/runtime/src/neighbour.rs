//! Calls to another service: over HTTP between processes, in memory inside one. Encode, decode and error paths
//! are the same; a local call does what a transport would do: it forgets the caller's extensions, keeps the
//! deadline and contains panics.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::ServiceExt as _;

use crate::context;
use crate::identity::ServiceIdentity;

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_millis(250);

/// Another service of the shop.
#[derive(Clone)]
pub enum Neighbour {
    /// In another process.
    Remote(Arc<Remote>),
    /// In this process. Filled in once all services are built, since they know each other in circles.
    Local(Arc<OnceLock<Router>>),
}

/// A client with its pool of connections, and where it calls.
pub struct Remote {
    client: Client<HttpConnector, Body>,
    base: Uri,
}

/// Why a neighbour gave no answer. Whether it did the work is unknown in every case.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection, or it broke.
    #[error("the neighbour cannot be reached: {0}")]
    Unreachable(String),
    /// The deadline passed.
    #[error("the neighbour did not answer in time")]
    TimedOut,
    /// It panicked.
    #[error("the neighbour failed")]
    Panicked,
}

impl Neighbour {
    /// A neighbour behind HTTP/1.1, for public routes.
    #[must_use]
    pub fn http(base: Uri) -> Self {
        Self::Remote(Arc::new(Remote {
            client: builder().build(connector()),
            base,
        }))
    }

    /// A neighbour behind HTTP/2, for gRPC.
    #[must_use]
    pub fn grpc(base: Uri) -> Self {
        let mut builder = builder();
        builder
            .http2_only(true)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .http2_keep_alive_timeout(Duration::from_secs(5))
            .timer(TokioTimer::new());
        Self::Remote(Arc::new(Remote {
            client: builder.build(connector()),
            base,
        }))
    }

    /// A neighbour in this process, and the slot that its router goes into.
    #[must_use]
    pub fn local() -> (Self, Arc<OnceLock<Router>>) {
        let slot = Arc::new(OnceLock::new());
        (Self::Local(Arc::clone(&slot)), slot)
    }

    /// Sends `request` (its URI needs a path only) and waits for the head of the answer at most `deadline`.
    pub async fn call(
        &self,
        mut request: Request<Body>,
        deadline: Duration,
    ) -> Result<Response<Body>, CallError> {
        if let Some(context) = context::current() {
            context.write(request.headers_mut());
        }
        let answer = async {
            match self {
                Self::Remote(remote) => {
                    *request.uri_mut() = join(&remote.base, request.uri())?;
                    request.headers_mut().remove(http::header::HOST);
                    let answer = remote
                        .client
                        .request(request)
                        .await
                        .map_err(|e| CallError::Unreachable(chain(&e)))?;
                    Ok(answer.map(Body::new))
                }
                Self::Local(slot) => {
                    let router = slot
                        .get()
                        .ok_or_else(|| CallError::Unreachable("not started".to_owned()))?;
                    request.extensions_mut().clear();
                    let call = AssertUnwindSafe(router.clone().oneshot(request)).catch_unwind();
                    match call.await {
                        Ok(Ok(answer)) => Ok(answer),
                        Ok(Err(never)) => match never {},
                        Err(_panic) => Err(CallError::Panicked),
                    }
                }
            }
        };
        tokio::time::timeout(deadline, answer)
            .await
            .map_err(|_| CallError::TimedOut)?
    }

    /// This neighbour's gRPC, called as `identity`.
    #[must_use]
    pub fn rpc(self, identity: ServiceIdentity, audience: &'static str, deadline: Duration) -> RpcNeighbour {
        RpcNeighbour {
            neighbour: self,
            identity,
            audience,
            deadline,
        }
    }
}

/// A neighbour's internal port as the generated gRPC clients want it: adds the service token, the request's
/// context and a deadline to each call.
#[derive(Clone)]
pub struct RpcNeighbour {
    neighbour: Neighbour,
    identity: ServiceIdentity,
    audience: &'static str,
    deadline: Duration,
}

impl tower::Service<Request<tonic::body::Body>> for RpcNeighbour {
    type Response = Response<Body>;
    type Error = tonic::Status;
    type Future = BoxFuture<'static, Result<Response<Body>, tonic::Status>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), tonic::Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let token = this
                .identity
                .token(this.audience)
                .map_err(|e| tonic::Status::internal(e.to_string()))?;
            let mut request = request.map(Body::new);
            if let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}")) {
                request.headers_mut().insert(http::header::AUTHORIZATION, value);
            }
            this.neighbour
                .call(request, this.deadline)
                .await
                .map_err(|error| match error {
                    CallError::Unreachable(_) => {
                        tonic::Status::unavailable(format!("{}: {error}", this.audience))
                    }
                    CallError::TimedOut => {
                        tonic::Status::deadline_exceeded(format!("{}: {error}", this.audience))
                    }
                    CallError::Panicked => tonic::Status::internal(format!("{}: {error}", this.audience)),
                })
        })
    }
}

fn builder() -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_timer(TokioTimer::new());
    builder
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    connector
}

/// `base`'s scheme and authority with `target`'s path and query.
fn join(base: &Uri, target: &Uri) -> Result<Uri, CallError> {
    let mut parts = base.clone().into_parts();
    parts.path_and_query = target.path_and_query().cloned();
    Uri::from_parts(parts).map_err(|e| CallError::Unreachable(e.to_string()))
}

/// An error with its causes: hyper's own text alone says only `client error (Connect)`.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
