//! What the service shows of itself, besides what its sagas and queues show.

use std::sync::Arc;

use metrics::Unit;
use pg::gauges::Gauges;

use crate::domain::Status;
use crate::mailer::{SENT, Trouble};
use crate::{AppState, NAME};

/// Shows gauges until told to stop.
pub(crate) fn gauges(app: &AppState) -> Gauges {
    describe();
    begin();
    Gauges::new(NAME, app.db.clone(), Arc::clone(&app.clock))
}

/// Counters start at nothing: one that began with its first event would show no increase.
fn begin() {
    metrics::counter!("orders_placed_total", "service" => NAME).increment(0);
    metrics::counter!("orders_turned_away_total", "service" => NAME).increment(0);
    metrics::counter!("orders_paid_after_cancel_total", "service" => NAME).increment(0);
    for outcome in Trouble::ALL.map(Trouble::name).into_iter().chain([SENT]) {
        metrics::counter!("mails_total", "service" => NAME, "outcome" => outcome).increment(0);
    }
    for status in Status::ALL {
        metrics::counter!("orders_moved_total", "service" => NAME, "to" => status.name()).increment(0);
    }
}

/// Says what the series mean.
fn describe() {
    use metrics::describe_counter;
    describe_counter!(
        "orders_placed_total",
        Unit::Count,
        "Orders that were written down."
    );
    describe_counter!(
        "orders_turned_away_total",
        Unit::Count,
        "Orders that were not taken because too many were being placed; their clients were told to come again."
    );
    describe_counter!(
        "orders_moved_total",
        Unit::Count,
        "Moves of orders, by new status; cancelled, delivered and refunded are ends."
    );
    describe_counter!(
        "mails_total",
        Unit::Count,
        "Attempts to send a mail, by outcome: sent, refused (for good), put_off, unserved, unauthenticated, insecure, unreachable or unwritten."
    );
    describe_counter!(
        "orders_paid_after_cancel_total",
        Unit::Count,
        "Late money: payments of orders that were cancelled before; each goes back by itself."
    );
}
