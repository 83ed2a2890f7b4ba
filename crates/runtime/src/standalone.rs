//! One service in a process of its own: settings, telemetry, ports, run until a signal.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use types::SystemClock;

use crate::app::{App, Shared};
use crate::config::Settings;
use crate::health::health;
use crate::runner::{Bindings, Served, run_until};
use crate::serve::Limits;
use crate::telemetry;

/// The ports that a service listens on where no setting says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// Public HTTP (`LISTEN_ADDR`).
    pub public: u16,
    /// Internal gRPC (`INTERNAL_ADDR`), for services that have one.
    pub internal: Option<u16>,
    /// Metrics alone (`METRICS_ADDR`), for the gateway.
    pub metrics: Option<u16>,
}

/// Why a service did not start: a sentence for the operator.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// The whole `main` of a service: `build` reads its settings and makes its App. With the one argument `health` it asks
/// the service that runs already whether it is ready, and starts none.
pub async fn standalone<F, B>(name: &'static str, ports: Ports, mut settings: Settings, build: B) -> ExitCode
where
    B: FnOnce(Settings, Shared) -> F,
    F: Future<Output = Result<App, StartError>>,
{
    telemetry::init(&mut settings, "info");
    if std::env::args().skip(1).eq(["health"]) {
        return match health(ports, settings).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(service = name, error = %error, "not healthy");
                ExitCode::FAILURE
            }
        };
    }
    match start(ports, settings, build).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(
                service = name,
                error = with_causes(error.as_ref()),
                "did not start"
            );
            ExitCode::FAILURE
        }
    }
}

/// What went wrong, and why, as far as anybody knows.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let why = error.to_string();
        // Some errors hold their cause's words.
        if !text.contains(&why) {
            text = format!("{text}; because: {why}");
        }
        cause = error.source();
    }
    text
}

async fn start<F, B>(ports: Ports, mut settings: Settings, build: B) -> Result<(), StartError>
where
    B: FnOnce(Settings, Shared) -> F,
    F: Future<Output = Result<App, StartError>>,
{
    // Before anything else: a port that is taken is told together with every other mistake.
    let bindings = Bindings::read(&mut settings, ports).await;
    let drain = settings.seconds("DRAIN_SECONDS", if settings.production() { 5 } else { 0 }, 0..=60);
    let edge = ports.metrics.is_some();

    let shared = Shared::new(Arc::new(SystemClock));
    let app = build(settings, shared.clone()).await?;
    let name = app.name;
    let public = bindings
        .public
        .as_ref()
        .and_then(|listener| listener.local_addr().ok());
    match (app.readiness)().await {
        Ok(()) => tracing::info!(service = name, ?public, "ready"),
        Err(reason) => tracing::warn!(service = name, ?public, reason, "started, but not ready"),
    }
    let limits = if edge { Limits::EDGE } else { Limits::INSIDE };
    run_until(
        vec![Served {
            app,
            bindings,
            limits,
        }],
        shared,
        drain,
    )
    .await?;
    tracing::info!(service = name, "stopped");
    Ok(())
}
