//! stripe-sandbox in a process of its own.

use std::process::ExitCode;

use runtime::{Settings, standalone};
use stripe_sandbox::{NAME, PORTS, start};

#[tokio::main]
async fn main() -> ExitCode {
    let mut settings = Settings::from_env();
    // Its key is printed in the documentation: nobody but this machine is to reach it unless somebody asks for that.
    settings.default_to("LISTEN_ADDR", format!("127.0.0.1:{}", PORTS.public));
    standalone(NAME, PORTS, settings, start).await
}
