//! A stateful stand-in that speaks as much of Stripe's HTTP as the shop uses, and signs webhooks. What it answers
//! stays answered: everything it holds survives a restart. See README.md for cards, control routes and differences.

mod attempt;
mod auth;
mod cards;
mod config;
mod currency;
mod dispute;
mod error;
mod expand;
mod faults;
mod form;
mod http;
mod id;
mod idempotency;
mod journal;
mod objects;
mod refund;
mod sandbox;
mod state;
mod timers;
mod webhooks;

use std::sync::Arc;

use runtime::{App, Ports, Readiness, Settings, Shared, StartError, Worker};

pub use config::{Config, EnabledEvents};

use crate::sandbox::Sandbox;

/// Its name in the topology.
pub const NAME: &str = "stripe-sandbox";
/// Where it listens unless told otherwise.
pub const PORTS: Ports = Ports {
    public: 12111,
    internal: None,
    metrics: None,
};
/// The API version whose shapes it answers and sends in.
pub const API_VERSION: &str = "2026-09-30.endive";

/// Reads the settings and builds the App.
///
/// # Errors
/// A setting is wrong, or see [`build`].
pub async fn start(mut settings: Settings, shared: Shared) -> Result<App, StartError> {
    let config = Config::read(&mut settings);
    settings.finish()?;
    build(config, shared).await
}

/// Opens the journal and wires the App.
///
/// # Errors
/// The journal cannot be read or written, or another process uses it; or the record cannot be opened.
pub async fn build(config: Config, shared: Shared) -> Result<App, StartError> {
    let sandbox = Arc::new(Sandbox::open(config, Arc::clone(&shared.clock)).await?);
    let readiness: Readiness = {
        let sandbox = Arc::clone(&sandbox);
        Arc::new(move || {
            let ready = sandbox.writable();
            Box::pin(async move { ready })
        })
    };
    let app = App::new(NAME, http::router(Arc::clone(&sandbox))?, readiness, &shared);
    let app = {
        let sandbox = Arc::clone(&sandbox);
        app.with_worker(Worker::new("time", move |stop| {
            let sandbox = Arc::clone(&sandbox);
            async move { sandbox.keep_time(stop).await }
        }))
    };
    let Some(target) = sandbox.config().webhook_url.clone() else {
        return Ok(app);
    };
    Ok(app.with_worker(Worker::new("webhooks", move |stop| {
        webhooks::deliver(Arc::clone(&sandbox), target.clone(), stop)
    })))
}
