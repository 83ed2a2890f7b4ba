//! Runs one App or five: the same start, the same stop.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::{App, Shared, Worker, metrics_router};
use crate::config::Settings;
use crate::context::{self, Context};
use crate::serve::{Limits, serve};
use crate::standalone::Ports;
use crate::{process, telemetry};

/// How long running requests may take once the process was told to stop.
const GRACE: Duration = Duration::from_secs(20);
/// How long workers may take after that.
const LAST: Duration = Duration::from_secs(8);

/// Where an App listens. A part without a listener is not served over sockets.
#[derive(Default)]
pub struct Bindings {
    /// The public HTTP port.
    pub public: Option<TcpListener>,
    /// The internal gRPC port.
    pub internal: Option<TcpListener>,
    /// A port for `/metrics` alone.
    pub metrics: Option<TcpListener>,
}

/// An App and its listeners.
pub struct Served {
    /// What to run.
    pub app: App,
    /// Where.
    pub bindings: Bindings,
    /// What a connection to the public port may take.
    pub limits: Limits,
}

/// Why a process did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A port could not be had.
    #[error("cannot listen on {0}: {1}; is something else running there?")]
    Bind(SocketAddr, #[source] std::io::Error),
    /// A signal handler could not be installed.
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
}

impl Bindings {
    /// Binds the public port alone.
    ///
    /// # Errors
    /// It cannot be had.
    pub async fn public(address: SocketAddr) -> Result<Self, RunError> {
        let public = TcpListener::bind(address)
            .await
            .map_err(|e| RunError::Bind(address, e))?;
        Ok(Self {
            public: Some(public),
            ..Self::default()
        })
    }

    /// Binds what `settings` say, or else `ports` on every interface. A port that cannot be had is a mistake in its
    /// setting.
    pub async fn read(settings: &mut Settings, ports: Ports) -> Self {
        let mut bind = async |name: &str, port: u16| {
            let address = settings.address(name, SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
            match TcpListener::bind(address).await {
                Ok(listener) => Some(listener),
                Err(error) => {
                    let why = RunError::Bind(address, error);
                    settings.refuse(name, format!("{why} stop that, or choose another address"));
                    None
                }
            }
        };
        let public = bind("LISTEN_ADDR", ports.public).await;
        let internal = match ports.internal {
            Some(port) => bind("INTERNAL_ADDR", port).await,
            None => None,
        };
        let metrics = match ports.metrics {
            Some(port) => bind("METRICS_ADDR", port).await,
            None => None,
        };
        Self {
            public,
            internal,
            metrics,
        }
    }
}

/// Apps that run, until stopped.
pub struct Running {
    shared: Shared,
    accept: CancellationToken,
}

impl Running {
    /// Starts every App: its ports and its workers.
    #[must_use]
    pub fn start(served: Vec<Served>, shared: Shared) -> Self {
        let accept = CancellationToken::new();
        for Served {
            app,
            bindings,
            limits,
        } in served
        {
            process::show_build(app.name);
            let ports = [
                (bindings.public, Some(app.public), limits),
                (bindings.internal, app.internal, Limits::INSIDE),
                (bindings.metrics, Some(metrics_router()), Limits::INSIDE),
            ];
            for (listener, router, limits) in ports {
                if let (Some(listener), Some(router)) = (listener, router) {
                    let (tracker, accept) = (shared.tracker.clone(), accept.clone());
                    shared
                        .tracker
                        .spawn(serve(listener, router, limits, tracker, accept, GRACE));
                }
            }
            for worker in app.workers {
                shared
                    .tracker
                    .spawn(keep_running(app.name, worker, shared.stop.clone()));
            }
        }
        shared.tracker.spawn(telemetry::upkeep(shared.stop.clone()));
        Self { shared, accept }
    }

    /// Stops: not ready, `drain` for load balancers to notice, no new connections, requests finish, workers stop
    /// between two writes. What is not done within 30 s is left; leaving it is always safe.
    pub async fn stop(self, drain: Duration) {
        self.shared.drain();
        tokio::time::sleep(drain).await;
        self.accept.cancel();
        self.shared.stop.cancel();
        self.shared.tracker.close();
        if tokio::time::timeout(GRACE + LAST, self.shared.tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!("some work was left unfinished; it is taken up at the next start");
        }
    }
}

/// Runs `served` until a signal, then stops; a second signal stops at once.
pub async fn run_until(served: Vec<Served>, shared: Shared, drain: Duration) -> Result<(), RunError> {
    let running = Running::start(served, shared);
    shutdown_signal().await?;
    tracing::info!("stopping: finishing what runs");
    tokio::select! {
        () = running.stop(drain) => {}
        _ = shutdown_signal() => tracing::warn!("stopped at once by a second signal"),
    }
    Ok(())
}

/// Returns at SIGTERM or SIGINT.
pub async fn shutdown_signal() -> Result<(), RunError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut int = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    Ok(())
}

/// A worker that panics is logged and started again: one bad row must not end a service's background work.
async fn keep_running(service: &'static str, worker: Worker, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let work = context::scope(Context::background(service), (worker.work)(stop.clone()));
        if AssertUnwindSafe(work).catch_unwind().await.is_ok() {
            return;
        }
        tracing::error!(
            worker = worker.name,
            "a worker panicked; starting it again in a second"
        );
        tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(Duration::from_secs(1)) => {} }
    }
}
