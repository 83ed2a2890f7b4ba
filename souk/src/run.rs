//! One service in a process of its own.

use std::process::ExitCode;

use runtime::{Ports, Settings, standalone};

use crate::cli::Service;
use crate::term;

/// Runs `service` until a signal; the same as its own binary.
pub async fn run(service: Service) -> ExitCode {
    let settings = Settings::from_env();
    match service {
        Service::ApiGateway => {
            standalone(
                api_gateway::NAME,
                api_gateway::PORTS,
                settings,
                api_gateway::start,
            )
            .await
        }
        Service::UserService => {
            standalone(
                user_service::NAME,
                user_service::PORTS,
                settings,
                user_service::start,
            )
            .await
        }
        Service::ProductService => {
            let (name, ports) = (product_service::NAME, product_service::PORTS);
            standalone(name, ports, settings, product_service::start).await
        }
        Service::OrderService => {
            standalone(
                order_service::NAME,
                order_service::PORTS,
                settings,
                order_service::start,
            )
            .await
        }
        Service::PaymentService => {
            let (name, ports) = (payment_service::NAME, payment_service::PORTS);
            standalone(name, ports, settings, payment_service::start).await
        }
        Service::StripeSandbox => {
            let (name, ports) = (stripe_sandbox::NAME, stripe_sandbox::PORTS);
            standalone(name, ports, settings, stripe_sandbox::start).await
        }
    }
}

/// Asks `service`, which runs on this machine, whether it is ready; the same as its own binary does with `health`.
pub async fn health(service: Service) -> ExitCode {
    let ports: Ports = match service {
        Service::ApiGateway => api_gateway::PORTS,
        Service::UserService => user_service::PORTS,
        Service::ProductService => product_service::PORTS,
        Service::OrderService => order_service::PORTS,
        Service::PaymentService => payment_service::PORTS,
        Service::StripeSandbox => stripe_sandbox::PORTS,
    };
    match runtime::health(ports, Settings::from_env()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            term::line(format!("not healthy: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints the settings that `service` would run with, and every mistake in them.
#[must_use]
pub fn print_config(service: Service) -> ExitCode {
    let mut settings = Settings::from_env();
    let s = &mut settings;
    match service {
        Service::ApiGateway => drop((api_gateway::Config::read(s), api_gateway::Neighbours::remote(s))),
        Service::UserService => drop(user_service::Config::read(s)),
        Service::ProductService => {
            drop((
                product_service::Config::read(s),
                product_service::Neighbours::remote(s),
            ));
        }
        Service::OrderService => drop((
            order_service::Config::read(s),
            order_service::Neighbours::remote(s),
        )),
        Service::PaymentService => {
            drop((
                payment_service::Config::read(s),
                payment_service::Neighbours::remote(s),
            ));
        }
        Service::StripeSandbox => drop(stripe_sandbox::Config::read(s)),
    }
    for (name, value) in settings.shown() {
        term::line(format!("{name} = {value}"));
    }
    match settings.finish() {
        Ok(()) => ExitCode::SUCCESS,
        Err(mistakes) => {
            term::line(mistakes.to_string());
            ExitCode::FAILURE
        }
    }
}
