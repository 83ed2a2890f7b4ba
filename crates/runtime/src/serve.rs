//! The accept loop: HTTP/1.1 and HTTP/2 on one port, with limits that a slow or hostile client meets.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::linger::{Linger, Unread, Watched};
use crate::strict::{BadHead, Strict};

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a request's head may take to arrive (408).
    pub header_read: Duration,
    /// The largest head, in bytes (431).
    pub header_bytes: usize,
    /// Whether heads that two readers may read differently are refused (400).
    pub strict: bool,
}

impl Limits {
    /// For the one port that the world reaches.
    pub const EDGE: Self = Self {
        header_read: Duration::from_secs(5),
        // Twice what the gateway takes: up to here it can say what is wrong, beyond the answer has no body.
        header_bytes: 32 * 1024,
        strict: true,
    };
    /// For ports that only neighbours reach; longer than they keep idle connections.
    pub const INSIDE: Self = Self {
        header_read: Duration::from_secs(75),
        header_bytes: 32 * 1024,
        strict: false,
    };
}

/// Serves `router` on `listener` until `stop`, then lets running requests finish for at most `grace`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    tracker: TaskTracker,
    stop: CancellationToken,
    grace: Duration,
) {
    let graceful = GracefulShutdown::new();
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read)
        .max_buf_size(limits.header_bytes.max(8 * 1024));
    let header_bytes = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(header_bytes)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));

    loop {
        let (stream, peer) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: give running requests time to end.
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "the connection was closed at once");
        }
        let unread = Unread::default();
        let stream = Linger::new(stream, unread.clone());
        let stream = Strict::new(stream, limits.strict, limits.header_bytes);
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), service(router.clone(), peer, unread));
        let connection = graceful.watch(connection.into_owned());
        tracker.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still running when the grace period ended");
    }
}

/// The router as hyper calls it, with the peer's address at hand.
fn service(
    router: Router,
    peer: SocketAddr,
    unread: Unread,
) -> impl hyper::service::Service<
    http::Request<hyper::body::Incoming>,
    Response = http::Response<Body>,
    Error = std::convert::Infallible,
    Future: Send + 'static,
> + Clone
+ Send {
    hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let version = request.version();
        let bad = BadHead::behind(request.method());
        let mut request = request.map(|body| Body::new(Watched::new(body, version, unread.clone())));
        if let Some(bad) = bad {
            request.extensions_mut().insert(bad);
            // The rest of what was sent is still to come.
            unread.set(version != http::Version::HTTP_2);
        }
        request.extensions_mut().insert(ConnectInfo(peer));
        let (answer, unread) = (router.clone().oneshot(request), unread.clone());
        async move {
            let mut answer = answer.await?;
            // What the client still sends is nobody's: it is told, so that it does not ask again on this connection.
            if version != http::Version::HTTP_2 && unread.get() {
                let close = http::HeaderValue::from_static("close");
                answer.headers_mut().insert(http::header::CONNECTION, close);
            }
            Ok(answer)
        }
    })
}
