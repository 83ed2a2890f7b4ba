//! user-service in a process of its own.

use std::process::ExitCode;

use runtime::{Settings, standalone};
use user_service::{NAME, PORTS, start};

#[tokio::main]
async fn main() -> ExitCode {
    standalone(NAME, PORTS, Settings::from_env(), start).await
}
