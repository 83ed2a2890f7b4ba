//! What the service shows of itself.

use metrics::Unit;
use pg::gauges::{Gauges, LookError, Reading, count};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::domain::DisputeStatus;
use crate::store::counts::{Waiting, waiting};
use crate::{AppState, NAME};

/// Shows gauges until told to stop.
pub(crate) fn gauges(app: &AppState) -> Gauges {
    describe();
    begin();
    Gauges::new(NAME, app.db.clone(), std::sync::Arc::clone(&app.clock))
        .with(|conn, now| Box::pin(look(conn, now)))
}

async fn look(conn: &mut PgConnection, now: OffsetDateTime) -> Result<Vec<Reading>, LookError> {
    let Waiting {
        mismatched,
        owed,
        dead,
        received,
        oldest,
        unexplained_open,
        unexplained_all,
    } = waiting(conn).await?;
    let unexplained = |scope: &'static str, differences| {
        let gauge = metrics::gauge!("reconciliation_unexplained", "service" => NAME, "scope" => scope);
        Reading(gauge, count(differences))
    };
    let age = oldest.map_or(0.0, |at| (now - at).as_seconds_f64().max(0.0));
    Ok(vec![
        unexplained("open", unexplained_open),
        unexplained("all", unexplained_all),
        Reading(
            metrics::gauge!("payments_mismatched", "service" => NAME),
            count(mismatched),
        ),
        Reading(
            metrics::gauge!("payments_refund_owed", "service" => NAME),
            count(owed),
        ),
        Reading(
            metrics::gauge!("webhook_events_dead", "service" => NAME),
            count(dead),
        ),
        Reading(
            metrics::gauge!("webhook_events_waiting", "service" => NAME),
            count(received),
        ),
        Reading(
            metrics::gauge!("webhook_events_oldest_seconds", "service" => NAME),
            age,
        ),
    ])
}

/// Counters that alerts watch start at nothing: one that began with its first event would show no increase.
fn begin() {
    for outcome in ["succeeded", "mismatched", "failed", "cancelled"] {
        metrics::counter!("payments_total", "service" => NAME, "outcome" => outcome).increment(0);
    }
    for repeated in ["no", "yes"] {
        metrics::counter!("webhooks_received_total", "service" => NAME, "repeated" => repeated).increment(0);
    }
    for scope in ["open", "all"] {
        for outcome in ["repaired", "unexplained"] {
            metrics::counter!(
                "reconciliation_drift_total",
                "service" => NAME, "scope" => scope, "outcome" => outcome
            )
            .increment(0);
        }
    }
    metrics::counter!("refunds_failed_total", "service" => NAME).increment(0);
    for status in DisputeStatus::ALL {
        metrics::counter!("disputes_total", "service" => NAME, "status" => status.name()).increment(0);
    }
    metrics::counter!("payments_drifted_total", "service" => NAME).increment(0);
    metrics::counter!("webhook_events_dead_total", "service" => NAME).increment(0);
    metrics::counter!("webhooks_refused_total", "service" => NAME).increment(0);
    metrics::counter!("webhooks_ignored_total", "service" => NAME).increment(0);
}

/// Says what the series mean.
fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!(
        "payments_total",
        Unit::Count,
        "Payments that came to something, by outcome: succeeded, mismatched, failed (a card was declined) or cancelled."
    );
    describe_counter!(
        "payments_captured_minor_total",
        Unit::Count,
        "Revenue: money that arrived for orders, in minor units of its currency."
    );
    describe_counter!(
        "payments_refunded_minor_total",
        Unit::Count,
        "Money that went back for good, in minor units of its currency."
    );
    describe_counter!(
        "payments_drifted_total",
        Unit::Count,
        "Payments that were found changed at the provider by reading, without an event that told us."
    );
    describe_counter!(
        "reconciliation_drift_total",
        Unit::Count,
        "Objects that the provider's books and ours had otherwise, by scope and outcome: repaired or unexplained."
    );
    describe_counter!(
        "reconciliation_drift_minor_total",
        Unit::Count,
        "The money in what differed, in minor units of its currency, by scope and outcome."
    );
    describe_gauge!(
        "reconciliation_unexplained",
        Unit::Count,
        "What the latest reconciliation of a scope could not explain; a person has to look."
    );
    describe_gauge!(
        "payments_mismatched",
        Unit::Count,
        "Payments whose money is not what their order costs; an admin must decide."
    );
    describe_gauge!(
        "payments_refund_owed",
        Unit::Count,
        "Payments whose refund came back and whose money was not sent again; a person has to."
    );
    describe_gauge!(
        "payment_operations_overdue",
        Unit::Count,
        "Writes at the provider without a known outcome for a quarter of an hour."
    );
    describe_counter!(
        "refunds_failed_total",
        Unit::Count,
        "Refunds that came to nothing; their money is with us again."
    );
    describe_counter!(
        "disputes_total",
        Unit::Count,
        "Changes of disputes, by new status."
    );
    describe_counter!(
        "stripe_calls_total",
        Unit::Count,
        "Calls to Stripe, by operation and outcome: ok, refused or unknown."
    );
    describe_histogram!(
        "stripe_call_seconds",
        Unit::Seconds,
        "How long a call to Stripe took, by operation."
    );
    describe_counter!(
        "webhooks_received_total",
        Unit::Count,
        "Webhooks that were stored; repeated says whether the event was there before."
    );
    describe_counter!(
        "webhooks_refused_total",
        Unit::Count,
        "Webhooks whose signature was not believed."
    );
    describe_counter!(
        "webhooks_ignored_total",
        Unit::Count,
        "Webhooks about another account or mode, stored and left alone."
    );
    describe_counter!(
        "webhook_events_dead_total",
        Unit::Count,
        "Webhooks that were given up after a day of attempts."
    );
    describe_gauge!(
        "webhook_events_dead",
        Unit::Count,
        "Webhooks that were given up and wait for a person."
    );
    describe_gauge!(
        "webhook_events_waiting",
        Unit::Count,
        "Webhooks that are to be worked off; 100,000 stands for more."
    );
    describe_gauge!(
        "webhook_events_oldest_seconds",
        Unit::Seconds,
        "Age of the oldest webhook that is to be worked off."
    );
}
