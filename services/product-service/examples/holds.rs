//! The hold step alone, for bench/flash-sale.sh: so many clients hold one unit of one product over and over.
//! `holds DATABASE_URL PRODUCT CLIENTS SECONDS` prints holds per second.
#![expect(clippy::print_stdout, reason = "its one output")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use product_service::domain::{HoldLines, Ttl};
use product_service::ops::hold::{Holds, Shelves};
use product_service::store::holds::Wish;
use tokio_util::task::TaskTracker;
use types::{Clock as _, OrderId, SystemClock, UserId};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("holds DATABASE_URL PRODUCT CLIENTS SECONDS");
    let db = pg::connect(&pg::PgSettings::new(next()?, "bench")).await?;
    let (product, clients, seconds): (i64, usize, u64) =
        (next()?.parse()?, next()?.parse()?, next()?.parse()?);

    let clock = Arc::new(SystemClock);
    // Orders that no other run and no shop has.
    let order = AtomicI64::new(clock.now().unix_timestamp() * 1_000_000);
    let shelves = Shelves { db, clock, low: 0 };
    let holds = Holds::new(shelves, TaskTracker::new());
    let (user, ttl, lines) = (UserId::new(1)?, Ttl::new(3_600)?, HoldLines::new([(product, 1)])?);
    let held = AtomicU32::new(0);
    let began = Instant::now();
    let client = async || -> Result<(), Box<dyn Error>> {
        while began.elapsed() < Duration::from_secs(seconds) {
            let wish = Wish {
                order: OrderId::new(order.fetch_add(1, Ordering::Relaxed))?,
                user,
                lines: lines.clone(),
                ttl,
                request_id: None,
            };
            holds.ask(wish).await?;
            held.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    for done in join_all((0..clients).map(|_| client())).await {
        done?;
    }
    let millis = began.elapsed().as_millis().max(1);
    println!("{}", u128::from(held.into_inner()) * 1_000 / millis);
    Ok(())
}
