//! One round of `bench/jobs.sh`: adds trivial jobs and runs them, on a private server that keeps its promises.
//!
//! `jobs DIR COUNT` prints jobs per second: added in batches, run, added in batches and then run, added one by one.
#![expect(clippy::print_stdout, reason = "the figures are its output")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::{TryStreamExt as _, stream};
use pg::PgSettings;
use pg::jobs::{self, Handler, Job, NewJob, Queues, Settings};
use pg::server::{PrivateServer, ServerOptions};
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use types::{Clock as _, SystemClock};

/// What BullMQ gets too.
const CONCURRENCY: usize = 50;
const BATCH: u64 = 1_000;

type Anything = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Anything> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("jobs DIR COUNT")?);
    let count: u64 = arguments.next().ok_or("jobs DIR COUNT")?.parse()?;
    let server = PrivateServer::start(ServerOptions::new(dir)).await?;
    server.ensure_database("jobs", "jobs").await?;
    let pool = pg::connect(&PgSettings::new(server.url("jobs", "jobs"), "bench-jobs")).await?;
    pg::migrate_all(&pool, &[]).await?;

    let began = Instant::now();
    add_in_batches(&pool, count).await?;
    let added = began.elapsed();
    let began = Instant::now();
    run(&pool, count).await?;
    let ran = began.elapsed();

    let began = Instant::now();
    add_one_by_one(&pool, count).await?;
    let singly = began.elapsed();
    // So that the next round begins like this one.
    run(&pool, count).await?;

    let rate = |took: Duration| u128::from(count) * 1_000_000_000 / took.as_nanos().max(1);
    println!(
        "{} {} {} {}",
        rate(added),
        rate(ran),
        rate(added + ran),
        rate(singly)
    );
    pool.close().await;
    server.stop().await?;
    Ok(())
}

fn job(number: u64) -> NewJob<'static> {
    NewJob::new("bench", "trivial", json!({ "n": number }), SystemClock.now())
}

async fn add_in_batches(pool: &PgPool, count: u64) -> Result<(), Anything> {
    for first in (0..count).step_by(usize::try_from(BATCH)?) {
        let mut tx = pg::begin(pool).await?;
        jobs::enqueue_many(&mut tx, (first..count.min(first + BATCH)).map(job).collect()).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn add_one_by_one(pool: &PgPool, count: u64) -> Result<(), Anything> {
    stream::iter((0..count).map(Ok::<_, Anything>))
        .try_for_each_concurrent(CONCURRENCY, async |number| {
            let mut conn = pool.acquire().await?;
            jobs::enqueue(&mut conn, job(number)).await?;
            Ok(())
        })
        .await
}

/// Runs all that is there, and returns when none is left: each is done and that is on disk.
async fn run(pool: &PgPool, count: u64) -> Result<(), Anything> {
    let ran = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&ran);
    let handler = Handler::new("bench", "trivial", move |_job: Job| {
        let seen = Arc::clone(&seen);
        async move {
            seen.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    });
    let tracker = TaskTracker::new();
    let queues = Queues::new(
        pool.clone(),
        Arc::new(SystemClock),
        tracker.clone(),
        Settings::new("bench"),
    );
    let stop = CancellationToken::new();
    let worker = tracker.spawn(queues.with(handler.concurrency(CONCURRENCY)).work(stop.clone()));
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    loop {
        looks.tick().await;
        if ran.load(Ordering::Relaxed) >= count {
            let left: i64 = sqlx::query_scalar("select count(*) from job")
                .fetch_one(pool)
                .await?;
            if left == 0 {
                break;
            }
        }
    }
    stop.cancel();
    worker.await?;
    Ok(())
}
