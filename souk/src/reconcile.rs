//! Holding the payments against the payment provider's books, on demand.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use payment_service::domain::drift::{Finding, Scope};
use payment_service::operator::{Reconciler, Report, reconcile};
use payment_service::stripe::{Stripe, StripeSettings};
use pg::PgSettings;
use runtime::{Settings, StartError, telemetry};
use types::{OrderId, SystemClock};

use crate::term;
use crate::up::data;

/// What the exit code is if the books could not be compared.
const NOT_COMPARED: u8 = 2;
/// How many of the repaired ones are named.
const NAMED: usize = 20;

/// `souk reconcile`.
#[derive(Clone, Debug, Args)]
pub struct ReconcileArgs {
    /// The folder of an embedded shop that is running. Without it PAYMENT_DATABASE_URL names payment-service's database,
    /// and STRIPE_API_URL and STRIPE_SECRET_KEY the provider.
    // Not called `data`: `souk` itself has such an argument, whose default would be taken for given here.
    #[arg(long = "data", value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Look only at what is as young as the oldest payment or refund that is open, as each hour does.
    #[arg(long)]
    pub open: bool,
}

/// `souk reconcile`.
pub async fn run(args: ReconcileArgs) -> ExitCode {
    telemetry::init_logs("off");
    match compare(args).await {
        Ok(report) => {
            table(&report).into_iter().for_each(term::line);
            if report.unexplained() == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            term::line(format!("the books could not be compared: {error}"));
            let mut cause = error.source();
            while let Some(error) = cause {
                term::line(format!("  because: {error}"));
                cause = error.source();
            }
            ExitCode::from(NOT_COMPARED)
        }
    }
}

async fn compare(args: ReconcileArgs) -> Result<Report, StartError> {
    let mut settings = Settings::from_env();
    let url = match &args.folder {
        Some(dir) => {
            let url = data::running_url(dir, data::PAYMENT)?;
            settings.default_to("STRIPE_API_URL", std::fs::read_to_string(data::provider(dir))?);
            url
        }
        None => settings.required(
            "PAYMENT_DATABASE_URL",
            "name payment-service's Postgres database, or give --data",
        ),
    };
    let provider = payment_service::config::provider(&mut settings);
    settings.finish()?;
    run_once(url, provider, if args.open { Scope::Open } else { Scope::All }).await
}

/// Compares once, and repairs.
///
/// # Errors
/// The database or the provider does not answer.
pub(crate) async fn run_once(
    url: String,
    provider: StripeSettings,
    scope: Scope,
) -> Result<Report, StartError> {
    let clock = Arc::new(SystemClock);
    let database = PgSettings {
        max_connections: 2,
        ..PgSettings::new(url, "souk-reconcile")
    };
    let pool = pg::connect(&database).await;
    let db = pool.map_err(|e| format!("payment-service's database cannot be reached: {e}"))?;
    let desk = Reconciler {
        db,
        stripe: Stripe::new(provider, Arc::<SystemClock>::clone(&clock))?,
        clock,
    };
    let report = reconcile(&desk, scope).await;
    desk.db.close().await;
    Ok(report?)
}

fn table(report: &Report) -> Vec<String> {
    let mut lines = vec![format!(
        "{:>9} {:>9} {:>12}",
        "checked", "repaired", "unexplained"
    )];
    for (kind, checked) in report.checked {
        let count = |repaired| {
            let of_kind = report.findings.iter().filter(|f| f.kind == kind);
            of_kind.filter(|f| f.repaired == repaired).count()
        };
        let (repaired, unexplained) = (count(true), count(false));
        lines.push(format!(
            "{checked:>9} {repaired:>9} {unexplained:>12}  {}",
            kind.plural()
        ));
    }
    let unexplained = report.findings.iter().filter(|f| !f.repaired);
    lines.extend(unexplained.map(|f| format!("UNEXPLAINED  {}", told(f))));
    let repaired = report.findings.iter().filter(|f| f.repaired);
    lines.extend(repaired.take(NAMED).map(|f| format!("repaired     {}", told(f))));
    if report.repaired() > NAMED {
        lines.push(format!("… and {} more were repaired", report.repaired() - NAMED));
    }
    lines.push(String::new());
    lines.push(match report.unexplained() {
        0 => "the provider's books and ours are the same".to_owned(),
        count => format!("the provider's books and ours DIFFER: {count} things are unexplained"),
    });
    lines
}

/// A finding in words.
pub(crate) fn told(finding: &Finding) -> String {
    let order = finding.order.map(OrderId::get);
    let order = order.map_or_else(String::new, |id| format!(" of order {id}"));
    format!(
        "{}{order}, {}: {}",
        finding.object_id,
        finding.money(),
        finding.what
    )
}
