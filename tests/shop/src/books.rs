//! The book check: what the four databases say of one order must fit together.

use std::time::Duration;

use souk::audit::{AsOf, Books};
use types::{Clock as _, SystemClock};

use crate::databases::Databases;
use crate::shop::eventually;

fn books(databases: &Databases) -> Books {
    Books {
        user: databases.user.pool.clone(),
        product: databases.product.pool.clone(),
        order: databases.order.pool.clone(),
        payment: databases.payment.pool.clone(),
    }
}

/// Waits until outboxes, sagas, jobs, webhooks and calls to the provider have nothing to do, and still have not when they
/// are looked at once more.
///
/// # Panics
/// Something is left over.
pub async fn settle(databases: &Databases) {
    let quiet = std::cell::Cell::new(0);
    let books = books(databases);
    eventually(Duration::from_secs(60), "no work is left over", || async {
        let open = souk::audit::open_work(&books)
            .await
            .expect("databases that answer");
        quiet.set(if open.is_none() { quiet.get() + 1 } else { 0 });
        (quiet.get() >= 3).then_some(())
    })
    .await;
}

/// Compares the books of all services, as `souk audit` does; nothing may be in motion.
///
/// # Panics
/// They disagree.
pub async fn check_books(databases: &Databases) {
    let report = souk::audit::check(&books(databases), AsOf::quiet(SystemClock.now()))
        .await
        .expect("books to check");
    assert!(
        report.is_clean() && report.left_out == 0,
        "{}",
        report.table().join("\n")
    );
}
