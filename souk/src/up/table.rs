//! What is printed once the shop is up.

use std::path::Path;

use super::ports::Ports;
use crate::cli::UpArgs;
use crate::{demo, term};

/// Prints where everything is, whom to sign in as and what is real; the last line is for programs.
pub(super) fn print(args: &UpArgs, ports: Ports, postgres: &Path, mail: &str, millis: u128) {
    let url = |port: u16| format!("http://localhost:{port}");
    let row = |name: &str, what: String, note: &str| term::line(format!("  {name:<16} {what:<26} {note}"));
    term::line("");
    row(
        "gateway",
        url(ports.gateway),
        "the API under /api, a page to try it at /docs",
    );
    row("user-service", url(ports.user), "accounts and sessions");
    row("product-service", url(ports.product), "catalogue and stock");
    row("order-service", url(ports.order), "orders and the checkout");
    row("payment-service", url(ports.payment), "payments");
    row(
        "stripe-sandbox",
        url(ports.stripe),
        "stands in for Stripe; key sk_test_souk_sandbox",
    );
    term::line("");
    if !args.no_demo {
        for (email, _, _, role) in demo::ACCOUNTS {
            row(
                role.name(),
                email.to_owned(),
                &format!("password {}", demo::PASSWORD),
            );
        }
        term::line("");
    }
    row(
        "real",
        "PostgreSQL".to_owned(),
        &format!("private, durable, in {}", postgres.display()),
    );
    row(
        "embedded",
        "images, Stripe's stand-in".to_owned(),
        &format!("in {}", args.data.display()),
    );
    match mail.strip_prefix("file:") {
        Some(dir) => row("embedded", "mails".to_owned(), &format!("as files in {dir}")),
        None => row("real", "mails".to_owned(), "sent by the mail server in MAIL_URL"),
    }
    row("embedded", "events, rate limits".to_owned(), "in this process");
    term::line("");
    term::line(format!(
        "  started in {}.{:02} s; Ctrl-C stops it",
        millis / 1000,
        millis % 1000 / 10
    ));
    term::line(format!("ready {}", url(ports.gateway)));
}
