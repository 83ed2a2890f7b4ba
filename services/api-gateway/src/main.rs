//! api-gateway in a process of its own.

use std::process::ExitCode;

use api_gateway::{NAME, PORTS, start};
use runtime::{Settings, standalone};

#[tokio::main]
async fn main() -> ExitCode {
    standalone(NAME, PORTS, Settings::from_env(), start).await
}
