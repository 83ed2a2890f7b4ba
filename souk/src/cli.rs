//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A commerce backend: accounts, catalogue, orders and payments behind one gateway.
#[derive(Debug, Parser)]
#[command(name = "souk", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without it the whole shop is started.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// For `souk` alone, which is `souk up`.
    #[command(flatten)]
    pub up: UpArgs,
}

/// What `souk` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the whole shop in one process, with a private PostgreSQL and a stand-in for Stripe.
    Up(UpArgs),
    /// Run one service in a process of its own, configured by the environment and the file in SOUK_CONFIG.
    Run {
        /// Which.
        service: Service,
    },
    /// Ask a service that runs on this machine whether it is ready. Exits with 1 if it is not.
    Health {
        /// Which; it is looked for where LISTEN_ADDR says, else on its own port.
        service: Service,
    },
    /// Bring the four databases up to date.
    Migrate(MigrateArgs),
    /// Check the books: what the four databases say must fit together. Exits with 1 if it does not.
    Audit(AuditArgs),
    /// Start a shop of its own in five processes, kill and disturb it while it sells, and check what it promised.
    Prove(ProveArgs),
    /// Make an admin account.
    Admin(AdminArgs),
    /// Look after sagas: list and show them, and retry, skip or abandon one that is stuck.
    Saga(crate::saga::SagaArgs),
    /// Look after jobs: what the queues hold, and requeue or discard what is dead.
    Jobs(crate::jobs::JobsArgs),
    /// Hold the payments against the payment provider's books, and repair what lost webhooks left wrong. Exits with 1 if
    /// something stays unexplained.
    Reconcile(crate::reconcile::ReconcileArgs),
    /// Print the settings that a service would run with, secrets hidden.
    Config {
        /// Which service.
        service: Service,
    },
}

/// What can run in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Service {
    /// The one entry.
    ApiGateway,
    /// Accounts and sessions.
    UserService,
    /// Catalogue and stock.
    ProductService,
    /// Orders and the checkout.
    OrderService,
    /// Payments.
    PaymentService,
    /// A stand-in for Stripe.
    StripeSandbox,
}

/// How the whole shop is started.
#[derive(Clone, Debug, Args)]
pub struct UpArgs {
    /// The folder that everything is kept in.
    #[arg(long, value_name = "DIR", default_value = ".souk")]
    pub data: PathBuf,
    /// Gateway on BASE, services on BASE+1 to BASE+4, the stand-in for Stripe on BASE+5; without it 8080, 3001 to
    /// 3004 and 12111.
    #[arg(long, value_name = "BASE", value_parser = clap::value_parser!(u16).range(1..=65_530))]
    pub port: Option<u16>,
    /// The address to listen on; only this machine can reach the default.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    pub host: std::net::IpAddr,
    /// Start without demo accounts and catalogue.
    #[arg(long)]
    pub no_demo: bool,
    /// Forget everything that is in the folder first.
    #[arg(long)]
    pub reset: bool,
    /// Whether the gateway limits rates and unpaid orders are capped; off for load tests.
    #[arg(long, value_enum, default_value_t = Switch::On, value_name = "on|off")]
    pub rate_limit: Switch,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// Which databases to migrate.
#[derive(Clone, Debug, Args)]
pub struct MigrateArgs {
    /// The folder of an embedded shop that is not running. Without it USER_DATABASE_URL, PRODUCT_DATABASE_URL,
    /// ORDER_DATABASE_URL and PAYMENT_DATABASE_URL name the databases.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// Whose books to check.
#[derive(Clone, Debug, Args)]
pub struct AuditArgs {
    /// The folder of an embedded shop, whether it runs or not. Without it USER_DATABASE_URL, PRODUCT_DATABASE_URL,
    /// ORDER_DATABASE_URL and PAYMENT_DATABASE_URL name the databases.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Leave out what changed in the last SECONDS, whose other half may be on its way; 0 for a shop that is quiet.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub settled: u32,
}

/// How hard to try to break a shop.
#[derive(Clone, Debug, Args)]
pub struct ProveArgs {
    /// Orders to place.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(20..=10_000_000))]
    pub orders: u32,
    /// Processes to kill with -9; half as many other blows come with them.
    #[arg(long, default_value_t = 100)]
    pub kills: u32,
    /// What the plan follows from: the same seed, the same plan.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Also write the report to this file, as Markdown.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Work in this folder and keep it; without it a scratch folder is used, and kept only if something broke.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// Whom to make an admin.
#[derive(Clone, Debug, Args)]
pub struct AdminArgs {
    /// The address of the account. Its password is read from standard input.
    #[arg(long)]
    pub email: String,
    /// The folder of an embedded shop that is running. Without it USER_DATABASE_URL names user-service's database.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}
