//! What every process of the shop needs and no shop is named in: settings, logs and metrics, calls to
//! neighbours, the identity behind those calls, and the runner that serves an [`App`] and stops it cleanly.

mod app;
mod breaker;
pub mod config;
pub mod context;
mod dependency;
mod health;
mod identity;
mod linger;
mod neighbour;
mod process;
mod runner;
mod secret;
mod serve;
mod standalone;
mod strict;
pub mod telemetry;

pub use app::{App, Readiness, Shared, Worker};
pub use breaker::Breaker;
pub use config::{ConfigErrors, Settings};
pub use dependency::{Condition, DEGRADED, Dependency, Health, OK};
pub use health::health;
pub use identity::{BadServiceToken, ServiceIdentity, require_service};
pub use neighbour::{CallError, Neighbour, RpcNeighbour};
pub use runner::{Bindings, RunError, Running, Served, run_until, shutdown_signal};
pub use secret::Secret;
pub use serve::{Limits, serve};
pub use standalone::{Ports, StartError, standalone, with_causes};
pub use strict::BadHead;
pub use types::{Clock, SystemClock, TestClock};
