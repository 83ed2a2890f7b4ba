//! The book check: what the four databases say of one order must fit together.

use std::time::Duration;

use souk::audit::{AsOf, Books};
use sqlx::PgPool;
use types::{Clock as _, SystemClock};

use crate::databases::Databases;
use crate::shop::eventually;

/// Work that is not done yet, in each database that has any.
const OPEN_WORK: [(Owner, &str); 7] = [
    (Owner::Product, "select count(*) from outbox_deliveries"),
    (Owner::Order, "select count(*) from outbox_deliveries"),
    (Owner::Order, "select count(*) from saga where state = 'running'"),
    (
        Owner::Order,
        "select count(*) from job where state in ('waiting', 'running')",
    ),
    (Owner::Payment, "select count(*) from outbox_deliveries"),
    (
        Owner::Payment,
        "select count(*) from operations where state = 'started'",
    ),
    (
        Owner::Payment,
        "select count(*) from webhook_events where state = 'received'",
    ),
];

#[derive(Clone, Copy)]
enum Owner {
    Product,
    Order,
    Payment,
}

fn pool(databases: &Databases, owner: Owner) -> &PgPool {
    match owner {
        Owner::Product => &databases.product.pool,
        Owner::Order => &databases.order.pool,
        Owner::Payment => &databases.payment.pool,
    }
}

async fn count(databases: &Databases, (owner, sql): (Owner, &'static str)) -> i64 {
    sqlx::query_scalar(sql)
        .fetch_one(pool(databases, owner))
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Waits until outboxes, sagas, jobs, webhooks and calls to the provider have nothing to do, and still have not when they
/// are looked at once more.
///
/// # Panics
/// Something is left over.
pub async fn settle(databases: &Databases) {
    let quiet = std::cell::Cell::new(0);
    eventually(Duration::from_secs(60), "no work is left over", || async {
        let open = futures::future::join_all(OPEN_WORK.map(|work| count(databases, work))).await;
        quiet.set(if open.iter().sum::<i64>() == 0 {
            quiet.get() + 1
        } else {
            0
        });
        (quiet.get() >= 3).then_some(())
    })
    .await;
}

/// Compares the books of all services, as `souk audit` does; nothing may be in motion.
///
/// # Panics
/// They disagree.
pub async fn check_books(databases: &Databases) {
    let books = Books {
        user: databases.user.pool.clone(),
        product: databases.product.pool.clone(),
        order: databases.order.pool.clone(),
        payment: databases.payment.pool.clone(),
    };
    let report = souk::audit::check(&books, AsOf::quiet(SystemClock.now()))
        .await
        .expect("books to check");
    assert!(
        report.is_clean() && report.left_out == 0,
        "{}",
        report.table().join("\n")
    );
}
