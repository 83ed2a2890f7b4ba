//! The book check: what the four databases say must fit together. Read only, and safe on a shop that is selling.

mod events;
mod orders;
mod report;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use pg::PgSettings;
use pg::server::{PrivateServer, ServerOptions};
use runtime::{Settings, StartError, telemetry};
use sqlx::PgPool;
use time::OffsetDateTime;
use types::{Clock as _, SystemClock};

pub use report::{Line, Report};

use crate::cli::AuditArgs;
use crate::shop::Databases;
use crate::term;
use crate::up::data;

/// How long whatever is due may wait until somebody must have taken it up.
const OVERDUE: Duration = Duration::from_secs(30);
/// How long one statement may run: a million orders are read in one.
const STATEMENT: Duration = Duration::from_secs(600);
/// What the exit code is if there was no check.
const NOT_CHECKED: u8 = 2;

/// `souk audit`.
pub async fn run(args: AuditArgs) -> ExitCode {
    telemetry::init_logs("error");
    match audit(&args).await {
        Ok(report) => {
            report.print();
            if report.is_clean() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            term::line(format!("the books could not be checked: {error}"));
            let mut cause = error.source();
            while let Some(error) = cause {
                term::line(format!("  because: {error}"));
                cause = error.source();
            }
            ExitCode::from(NOT_CHECKED)
        }
    }
}

async fn audit(args: &AuditArgs) -> Result<Report, StartError> {
    let settled = Duration::from_secs(args.settled.into());
    let Some(dir) = &args.data else {
        let mut settings = Settings::from_env();
        let databases = Databases::named_in(&mut settings);
        settings.finish()?;
        return check_at(&databases, settled).await;
    };
    if let Ok(databases) = data::running_databases(dir) {
        return check_at(&databases, settled).await;
    }
    // Nobody sells: the database alone is started, and stopped again.
    let server = server_of(dir).await?;
    let outcome = match data::databases(&server).await {
        Ok(databases) => check_at(&databases, settled).await,
        Err(error) => Err(error.into()),
    };
    server.stop().await?;
    outcome
}

async fn server_of(dir: &Path) -> Result<PrivateServer, StartError> {
    if !data::postgres(dir).exists() {
        return Err(format!("there is no shop in {}; `souk up` makes one", dir.display()).into());
    }
    Ok(PrivateServer::start(ServerOptions::new(data::postgres(dir))).await?)
}

/// Checks the books of the shop on `databases`, but for what changed within `settled`.
///
/// # Errors
/// A database cannot be reached, or is not migrated.
pub async fn check_at(databases: &Databases, settled: Duration) -> Result<Report, StartError> {
    let books = Books::open(databases).await?;
    let now = SystemClock.now();
    // Of a quiet shop nothing is left out, be it that its clock is a little ahead.
    let settled_before = match settled.is_zero() {
        true => AsOf::quiet(now).settled_before,
        false => now - settled,
    };
    let report = check(&books, AsOf { settled_before, now }).await;
    books.close().await;
    report
}

/// The four databases, open.
pub struct Books {
    /// user-service's.
    pub user: PgPool,
    /// product-service's.
    pub product: PgPool,
    /// order-service's.
    pub order: PgPool,
    /// payment-service's.
    pub payment: PgPool,
}

/// As of when the books are checked.
#[derive(Clone, Copy, Debug)]
pub struct AsOf {
    /// The time.
    pub now: OffsetDateTime,
    /// What changed since then is left out: its other half may be on its way.
    pub settled_before: OffsetDateTime,
}

impl AsOf {
    /// Nothing happens any more: nothing is left out.
    #[must_use]
    pub fn quiet(now: OffsetDateTime) -> Self {
        Self {
            now,
            settled_before: now + Duration::from_secs(100 * 365 * 86_400),
        }
    }
}

impl Books {
    /// Connects to all four.
    ///
    /// # Errors
    /// Names the one that cannot be reached.
    pub async fn open(databases: &Databases) -> Result<Self, StartError> {
        let open = async |name: &str, url: &str| {
            let settings = PgSettings {
                max_connections: 3,
                statement_timeout: STATEMENT,
                ..PgSettings::new(url, "souk-audit")
            };
            let pool = pg::connect(&settings).await;
            pool.map_err(|e| StartError::from(format!("{name}'s database cannot be reached: {e}")))
        };
        let (user, product, order, payment) = futures::try_join!(
            open("user-service", &databases.user),
            open("product-service", &databases.product),
            open("order-service", &databases.order),
            open("payment-service", &databases.payment),
        )?;
        Ok(Self {
            user,
            product,
            order,
            payment,
        })
    }

    /// Closes all connections.
    pub async fn close(&self) {
        futures::join!(
            self.user.close(),
            self.product.close(),
            self.order.close(),
            self.payment.close()
        );
    }
}

/// Checks every invariant.
///
/// # Errors
/// A database did not answer.
pub async fn check(books: &Books, as_of: AsOf) -> Result<Report, StartError> {
    let settled = as_of.settled_before;
    let overdue = as_of.now - OVERDUE;
    let (user, product, order, payment, across, taken) = futures::try_join!(
        told(user_service::operator::audit(&books.user, as_of.now)),
        told(product_service::operator::audit(&books.product, settled, overdue)),
        told(order_service::operator::audit(&books.order, settled, overdue)),
        told(payment_service::operator::audit(&books.payment, settled, overdue)),
        orders::check(books, settled),
        events::check(books, settled),
    )?;
    Ok(Report::of(
        as_of,
        report::Findings {
            user,
            product,
            order,
            payment,
            across,
            taken,
        },
    ))
}

/// The same outcome, with an error that every part of souk hands on.
async fn told<T, E: std::error::Error + Send + Sync + 'static>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, StartError> {
    work.await.map_err(Into::into)
}

/// What is still to be done in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenWork {
    /// Events of product-service.
    pub product: i64,
    /// Sagas and events of order-service.
    pub order: i64,
    /// Calls in doubt, webhooks and events of payment-service.
    pub payment: i64,
}

impl OpenWork {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.product + self.order + self.payment == 0
    }
}

impl std::fmt::Display for OpenWork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            product,
            order,
            payment,
        } = self;
        write!(
            f,
            "{order} things in order-service, {payment} in payment-service, {product} in product-service"
        )
    }
}

/// What is still to be done in the background; orders that wait for their money do not count.
///
/// # Errors
/// A database did not answer.
pub async fn open_work(books: &Books) -> Result<OpenWork, StartError> {
    let (product, order, payment) = futures::try_join!(
        told(product_service::operator::open_work(&books.product)),
        told(order_service::operator::open_work(&books.order)),
        told(payment_service::operator::open_work(&books.payment)),
    )?;
    Ok(OpenWork {
        product,
        order,
        payment,
    })
}
