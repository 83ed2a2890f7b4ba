//! What the service shows of itself.

use std::sync::Arc;
use std::time::Duration;

use metrics::Unit;
use pg::gauges::{Gauges, LookError, Reading, count};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::store::counts;
use crate::{AppState, NAME};

/// How often to look: the value of what is on hold is read from all of its products.
const EVERY: Duration = Duration::from_secs(60);
/// A hold that the sweeper left alone for so long after its time is overdue.
const LATE: Duration = Duration::from_secs(30);

/// Shows gauges until told to stop.
pub(crate) fn gauges(app: &AppState) -> Gauges {
    describe();
    begin();
    let currency = app.currency.code();
    Gauges::new(NAME, app.db.clone(), Arc::clone(&app.clock))
        .every(EVERY)
        .with(move |conn, now| Box::pin(look(conn, now, currency)))
}

async fn look(
    conn: &mut PgConnection,
    now: OffsetDateTime,
    ours: &'static str,
) -> Result<Vec<Reading>, LookError> {
    let open = counts::open(conn, now - LATE).await?;
    let mut values = counts::value(conn).await?;
    if !values.iter().any(|value| value.currency == ours) {
        let currency = ours.to_owned();
        values.push(counts::Value { currency, minor: 0 });
    }
    let mut readings = vec![
        Reading(
            metrics::gauge!("holds_open", "service" => NAME),
            count(open.holds),
        ),
        Reading(
            metrics::gauge!("holds_overdue", "service" => NAME),
            count(open.overdue),
        ),
        Reading(
            metrics::gauge!("holds_open_units", "service" => NAME),
            count(open.units),
        ),
    ];
    readings.extend(values.into_iter().map(|value| {
        let gauge = metrics::gauge!("holds_value_minor", "service" => NAME, "currency" => value.currency);
        Reading(gauge, count(value.minor))
    }));
    Ok(readings)
}

/// Counters start at nothing: one that began with its first event would show no increase.
fn begin() {
    metrics::counter!("holds_expired_total", "service" => NAME).increment(0);
    metrics::counter!("image_uploads_refused_total", "service" => NAME).increment(0);
    metrics::counter!("images_swept_total", "service" => NAME).increment(0);
    for operation in ["put", "get", "delete", "list"] {
        for outcome in ["done", "full", "failed"] {
            metrics::counter!(
                "image_storage_calls_total",
                "service" => NAME, "operation" => operation, "outcome" => outcome
            )
            .increment(0);
        }
    }
    for operation in ["hold", "pin", "commit", "release", "restock", "expire"] {
        for outcome in ["done", "refused", "failed"] {
            metrics::counter!(
                "stock_operations_total",
                "service" => NAME, "operation" => operation, "outcome" => outcome
            )
            .increment(0);
        }
    }
}

/// Says what the series mean.
fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_gauge!("holds_open", Unit::Count, "Orders that hold stock.");
    describe_gauge!(
        "holds_open_units",
        Unit::Count,
        "Units of stock that orders hold."
    );
    describe_gauge!(
        "holds_value_minor",
        Unit::Count,
        "What the units on hold cost at the prices of now, in minor units of the currency."
    );
    describe_gauge!(
        "holds_overdue",
        Unit::Count,
        "Holds that should have been given back half a minute ago."
    );
    describe_counter!(
        "holds_expired_total",
        Unit::Count,
        "Holds that the sweeper gave back because their time was over."
    );
    describe_counter!(
        "stock_operations_total",
        Unit::Count,
        "What was done to stock, by operation and outcome: done, refused or failed."
    );
    describe_counter!(
        "image_storage_calls_total",
        Unit::Count,
        "Calls to the storage of images, by operation and outcome: done, full (no room) or failed. A listing of all files is one."
    );
    describe_counter!(
        "image_uploads_refused_total",
        Unit::Count,
        "Uploads that were refused because too many were under way."
    );
    describe_counter!(
        "images_swept_total",
        Unit::Count,
        "Pictures whose files were deleted because no product names them."
    );
    describe_histogram!(
        "image_render_seconds",
        Unit::Seconds,
        "How long it took to decode an upload and to encode its picture, by outcome: done or refused."
    );
}
