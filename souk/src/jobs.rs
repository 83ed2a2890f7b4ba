//! Looking after jobs: which wait, which failed, and what to do with one that is dead.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use order_service::operator::jobs::{self as operator, State};
use runtime::{StartError, telemetry};
use types::SystemClock;

use crate::{orders, term};

mod text;

/// `souk jobs`.
#[derive(Clone, Debug, Args)]
pub struct JobsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: JobsCommand,
    /// The folder of an embedded shop that is running. Without it ORDER_DATABASE_URL names order-service's database.
    // Not called `data`: `souk` itself has such an argument, whose default would be taken for given here.
    #[arg(long = "data", value_name = "DIR", global = true)]
    pub folder: Option<PathBuf>,
}

/// What can be done with jobs.
#[derive(Clone, Debug, Subcommand)]
pub enum JobsCommand {
    /// Print what the queues hold, and jobs, the latest first.
    List {
        /// In this state only: waiting, running, done or dead.
        #[arg(long)]
        state: Option<State>,
        /// Of this queue only, such as mail.
        #[arg(long)]
        queue: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// Print one job.
    Show {
        /// Which.
        id: i64,
    },
    /// Let a dead job wait again, with all its attempts.
    Requeue {
        /// Which.
        id: i64,
    },
    /// Forget a dead job for good.
    Discard {
        /// Which.
        id: i64,
    },
}

/// `souk jobs`.
pub async fn run(args: JobsArgs) -> ExitCode {
    telemetry::init_logs("warn");
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

async fn answer(args: JobsArgs) -> Result<String, StartError> {
    let pool = orders::connect(args.folder, "souk-jobs").await?;
    Ok(match args.command {
        JobsCommand::List { state, queue, limit } => {
            let which = (state, queue.as_deref());
            let (queues, jobs) = operator::list_jobs(&pool, &SystemClock, which, limit).await?;
            text::list(&queues, &jobs)
        }
        JobsCommand::Show { id } => text::detail(&operator::find_job(&pool, id).await?),
        JobsCommand::Requeue { id } => text::headline(&operator::requeue_job(&pool, &SystemClock, id).await?),
        JobsCommand::Discard { id } => {
            operator::discard_job(&pool, id).await?;
            format!("job {id} is gone")
        }
    })
}
