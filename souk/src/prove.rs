//! `souk prove`: a shop of its own under a plan of blows, and whether its books and its promises survive.
//!
//! The plan follows from the seed. What the threads of six processes make of it differs from run to run; what must
//! hold in the end does not.

mod buyers;
mod disputes;
mod endings;
mod faults;
mod http;
mod money;
mod outside;
mod people;
pub mod plan;
mod promises;
mod proxy;
mod refunds;
mod report;
mod rest;
mod shop;
mod webhooks;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::{Settings, Shared, StartError, shutdown_signal, telemetry};
use tokio::sync::watch;
use types::{Clock as _, SystemClock};

use crate::audit::{AsOf, Books};
use crate::cli::ProveArgs;
use crate::term::{self, Progress};
use people::People;
use plan::{Part, Plan};
use report::Report;
use shop::{PROCESSES, Shop};

/// How often a person who waits is told how far it has come.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// From so many orders on, the run is long enough that what nobody pays expires in it, and is waited for.
const EXPIRES_FROM: u32 = 500;
/// The shortest payment window that there is, and one that outlasts the run.
const SHORT_WINDOW: Duration = Duration::from_secs(60);
const LONG_WINDOW: Duration = Duration::from_secs(3600);
/// What the exit code is if there was no proof either way.
const NOT_RUN: u8 = 2;

/// `souk prove`.
pub async fn run(args: ProveArgs) -> ExitCode {
    // What reconciliation finds is reported.
    telemetry::init_logs("error,payment_service=off");
    let folder = match &args.keep {
        Some(folder) => folder.clone(),
        None => std::env::temp_dir().join(format!("souk-prove-{}", std::process::id())),
    };
    // Dropped, it takes its processes with it.
    let outcome = tokio::select! {
        outcome = prove(&args, &folder) => outcome,
        _ = shutdown_signal() => Err("it was told to stop".into()),
    };
    let is_proved = matches!(&outcome, Ok(report) if report.holds());
    if args.keep.is_none() && is_proved {
        drop(std::fs::remove_dir_all(&folder));
    } else {
        term::line(format!("logs and databases are in {}", folder.display()));
    }
    match outcome {
        Ok(_) if is_proved => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            term::line(format!("nothing was proved: {error}"));
            ExitCode::from(NOT_RUN)
        }
    }
}

async fn prove(args: &ProveArgs, folder: &Path) -> Result<Report, StartError> {
    let mut settings = Settings::from_env();
    let pg_bin = settings.optional("PG_BIN").map(PathBuf::from);
    settings.finish()?;
    let progress = Progress::start();
    let plan = Plan::of(args.seed, args.orders, args.kills);
    progress.say(&report::announce(args, &plan));
    let shared = Shared::new(Arc::new(SystemClock));
    let window = if args.orders >= EXPIRES_FROM {
        SHORT_WINDOW
    } else {
        LONG_WINDOW
    };
    let shop = Shop::start(folder, pg_bin, window, &shared).await?;
    progress.say("five services, Stripe's stand-in and PostgreSQL are up");
    let outcome = with_shop(args, plan, shop, &shared, &progress).await;
    shared.stop.cancel();
    let report = outcome?;
    let lines = report.lines();
    term::line("");
    lines.iter().for_each(term::line);
    if let Some(file) = &args.report {
        std::fs::write(file, lines.join("\n") + "\n")?;
    }
    Ok(report)
}

async fn with_shop(
    args: &ProveArgs,
    plan: Plan,
    shop: Shop,
    shared: &Shared,
    progress: &Progress,
) -> Result<Report, StartError> {
    // A sixth of the orders want the last product twice over: a third of them find the shelf empty.
    let scarce = i64::from(args.orders / plan::PRODUCTS).max(1);
    let people = Arc::new(People::gather(&shop, shop.at(Part::Gateway), scarce).await?);
    progress.say("selling");

    let started = Instant::now();
    let (placed, count) = watch::channel(0);
    let (next, allowed) = watch::channel(0);
    let buying = buyers::buy(
        Arc::clone(&people),
        plan.scripts,
        args.seed,
        placed,
        allowed,
        &shared.tracker,
    );
    let telling = tell(count.clone(), progress);
    let striking = faults::strike(shop, &plan.blows, count, next, &shared.tracker);
    let (memories, struck, ()) = tokio::join!(buying, striking, telling);
    let mut memories = memories?;
    let faults::Struck {
        by_kind,
        at_stripe,
        reconciled,
        mut shop,
    } = struck?;
    let bought_for = started.elapsed();

    progress.say("nothing strikes any more; waiting until all work is done");
    for part in PROCESSES {
        shop.ready(part).await?;
    }
    let books = Books::open(&shop.databases).await?;
    let rest = rest::come(&shop, &books, &people, args.orders >= EXPIRES_FROM, progress).await?;
    progress.say("checking the books and the promises");
    let audit = crate::audit::check(&books, AsOf::quiet(SystemClock.now())).await?;
    let mut promises = promises::check(&people, &mut memories).await?;
    promises.lines.push(rest::explained(&reconciled, &rest));
    books.close().await;
    shop.stop().await?;
    Ok(Report {
        args: args.clone(),
        struck: by_kind,
        at_stripe,
        endings: report::endings(&memories),
        done: report::done(&memories),
        objects: promises.objects,
        reconciled: rest::told(&reconciled, &rest),
        quiet: rest.quiet,
        bought_for,
        audit,
        promises: promises.lines,
    })
}

/// Says now and then how many orders were placed.
async fn tell(mut count: watch::Receiver<u32>, progress: &Progress) {
    loop {
        let again = tokio::time::sleep(TOLD_EVERY);
        tokio::pin!(again);
        loop {
            tokio::select! {
                () = &mut again => break,
                changed = count.changed() => if changed.is_err() {
                    return;
                },
            }
        }
        let now = *count.borrow_and_update();
        progress.say(&format!("{now} orders placed"));
    }
}
