//! Works off what the provider told us. An event that cannot be taken in yet is tried again for a day; then somebody
//! has to look at it (PAY-7, PAY-11).

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::forever;
use crate::error::PaymentError;
use crate::ops::take_events::take_events;
use crate::store::webhooks::{self, Stored};
use crate::{AppState, NAME};

/// How long a claimed event is ours: what a killed worker was at waits so long. Whoever takes longer, because the
/// provider does, meets a twin, of whom only one has an effect.
const LEASE: Duration = Duration::from_secs(15);
/// Events claimed at once; they are taken in by one transaction.
const BATCH: i64 = 32;
/// How often to look where nobody nudges.
const POLL: Duration = Duration::from_secs(1);
/// The first pause before another try; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// When to give up.
const GIVE_UP: Duration = Duration::from_secs(24 * 3600);

/// Works until `stop`.
pub async fn work(app: AppState, stop: CancellationToken) {
    forever("webhooks", stop, &app.webhooks, POLL, || run_due(&app)).await;
}

/// Takes in one batch of what is due; returns how many events were looked at.
///
/// # Errors
/// The database did not answer.
pub async fn run_due(app: &AppState) -> Result<usize, PaymentError> {
    let claimed = webhooks::claim(&app.db, app.clock.now(), LEASE, BATCH).await?;
    let answers = take_events(app, &claimed).await;
    for (event, answer) in claimed.iter().zip(answers) {
        if let Err(error) = answer {
            put_off(app, event, &error).await;
        }
    }
    Ok(claimed.len())
}

async fn put_off(app: &AppState, event: &Stored, error: &PaymentError) {
    let source = std::error::Error::source(error).map(ToString::to_string);
    let why = match &source {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let now = app.clock.now();
    let noted = if now - event.received_at >= GIVE_UP {
        metrics::counter!("webhook_events_dead_total", "service" => NAME).increment(1);
        tracing::error!(
            event = event.event_id,
            kind = event.kind,
            why,
            "an event was given up; look at it"
        );
        webhooks::bury(&app.db, event.id, &why).await
    } else {
        tracing::warn!(
            event = event.event_id,
            kind = event.kind,
            why,
            "an event is tried again"
        );
        webhooks::postpone(&app.db, event.id, &why, now + pause(event.attempts)).await
    };
    if let Err(error) = noted {
        // Then it comes back when its lease ends.
        tracing::warn!(%error, "could not note how an event went");
    }
}

fn pause(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 12) - 1).unwrap_or_default();
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}
