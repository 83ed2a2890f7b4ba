//! Looking after sagas: which there are, what each did, and what to do with one that is stuck.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use order_service::operator::sagas::{self, Intervention, Status, Which};
use runtime::{StartError, telemetry};
use types::SystemClock;

use crate::{orders, term};

mod text;

/// `souk saga`.
#[derive(Clone, Debug, Args)]
pub struct SagaArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: SagaCommand,
    /// The folder of an embedded shop that is running. Without it ORDER_DATABASE_URL names order-service's database.
    // An id of its own: under that of `souk up`, its default would be taken.
    #[arg(id = "shop", long = "data", value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
}

/// What can be done with sagas.
#[derive(Clone, Debug, Subcommand)]
pub enum SagaCommand {
    /// Print sagas, newest first.
    List {
        /// In this state only: running, parked, stuck, done, undone or diverted.
        #[arg(long)]
        state: Option<Status>,
        /// Of this kind only: checkout or cancellation.
        #[arg(long)]
        name: Option<String>,
        /// Started at least so many seconds ago.
        #[arg(long, value_name = "SECONDS")]
        older_than: Option<u32>,
        /// How many at most.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// Print one saga and everything it did.
    Show {
        /// Which.
        id: i64,
    },
    /// Call the step that a saga is stuck at again.
    Retry(Intervene),
    /// Count the step that a saga is stuck at as done, because you saw to it by hand.
    Skip(Intervene),
    /// Give a saga up that is stuck: take everything back, or refund if it was paid.
    Abandon(Intervene),
}

/// Which saga, and why.
#[derive(Clone, Debug, Args)]
pub struct Intervene {
    /// Which.
    pub id: i64,
    /// Why; kept for good.
    #[arg(long)]
    pub reason: String,
}

/// `souk saga`.
pub async fn run(args: SagaArgs) -> ExitCode {
    // What is done is said once, on standard output.
    telemetry::init_logs("error");
    match answer(args).await {
        Ok(said) => {
            term::line(said);
            ExitCode::SUCCESS
        }
        Err(error) => {
            term::line(format!(
                "nothing was done: {}",
                runtime::with_causes(error.as_ref())
            ));
            ExitCode::FAILURE
        }
    }
}

async fn answer(args: SagaArgs) -> Result<String, StartError> {
    let pool = orders::connect(args.data, "souk-saga").await?;
    let (what, asked) = match args.command {
        SagaCommand::List {
            state,
            name,
            older_than,
            limit,
        } => {
            let older_than = older_than.map(|seconds| Duration::from_secs(u64::from(seconds)));
            let which = Which {
                state,
                name,
                older_than,
            };
            let found = sagas::list_sagas(&pool, &SystemClock, which, limit).await?;
            return Ok(text::list(&found));
        }
        SagaCommand::Show { id } => return Ok(text::detail(&sagas::find_saga(&pool, id).await?)),
        SagaCommand::Retry(asked) => (Intervention::Retry, asked),
        SagaCommand::Skip(asked) => (Intervention::Skip, asked),
        SagaCommand::Abandon(asked) => (Intervention::Abandon, asked),
    };
    let saga = sagas::intervene(&pool, &SystemClock, asked.id, what, &asked.reason).await?;
    Ok(text::headline(&saga.saga))
}
