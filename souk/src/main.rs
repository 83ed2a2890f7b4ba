//! `souk`: the whole shop, one service of it, or an operator's command.

use std::process::ExitCode;

use clap::Parser as _;
use souk::cli::{Cli, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        None => souk::up::run(cli.up).await,
        Some(Command::Up(args)) => souk::up::run(args).await,
        Some(Command::Run { service }) => souk::run::run(service).await,
        Some(Command::Health { service }) => souk::run::health(service).await,
        Some(Command::Migrate(args)) => souk::migrate::run(args).await,
        Some(Command::Audit(args)) => souk::audit::run(args).await,
        Some(Command::Prove(args)) => souk::prove::run(args).await,
        Some(Command::Admin(args)) => souk::admin::run(args).await,
        Some(Command::Saga(args)) => souk::saga::run(args).await,
        Some(Command::Jobs(args)) => souk::jobs::run(args).await,
        Some(Command::Reconcile(args)) => souk::reconcile::run(args).await,
        Some(Command::Config { service }) => souk::run::print_config(service),
    }
}
