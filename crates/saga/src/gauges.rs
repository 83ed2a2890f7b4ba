//! What the workers report of all sagas of one name, whichever process drives them.

use std::time::Duration;

use metrics::Unit;
use tokio_util::sync::CancellationToken;

use crate::definition::Saga;
use crate::engine::Engine;
use crate::error::SagaError;

/// How often to look.
const EVERY: Duration = Duration::from_secs(15);
/// Open sagas counted at most, of each state.
const MOST: i64 = 100_000;

impl<S: Saga> Engine<S> {
    /// Reports every now and then, until `stop`, how many sagas are stuck and how old the oldest open one is.
    pub(crate) async fn report_until(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.report().await {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::warn!(saga = S::NAME, error, "no look at how many sagas are stuck");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// One row of each kind from an index: cheap, however many sagas have ended.
    async fn report(&self) -> Result<(), SagaError> {
        let row = sqlx::query!(
            r#"
            select (select count(*) from saga where name = $1 and state = 'stuck') as "stuck!",
                   (select count(*) from (select from saga where name = $1 and state = 'running' limit $2) r)
                       as "running!",
                   (select count(*) from (select from saga where name = $1 and state = 'parked' limit $2) p)
                       as "parked!",
                   least((select min(created_at) from saga where name = $1 and state = 'running'),
                         (select min(created_at) from saga where name = $1 and state = 'parked'),
                         (select min(created_at) from saga where name = $1 and state = 'stuck')) as oldest
            "#,
            S::NAME,
            MOST,
        )
        .fetch_one(&self.pool)
        .await
        .map_err(SagaError::store("count sagas"))?;
        let service = self.settings.service;
        let stuck = count(row.stuck);
        metrics::gauge!("saga_stuck", "service" => service, "saga" => S::NAME).set(stuck);
        for (state, open) in [
            ("running", count(row.running)),
            ("parked", count(row.parked)),
            ("stuck", stuck),
        ] {
            metrics::gauge!("saga_open", "service" => service, "saga" => S::NAME, "state" => state).set(open);
        }
        let age = row.oldest.map_or(0.0, |oldest| {
            (self.clock.now() - oldest).as_seconds_f64().max(0.0)
        });
        metrics::gauge!("saga_oldest_age_seconds", "service" => service, "saga" => S::NAME).set(age);
        Ok(())
    }
}

/// Exact as far as anybody looks.
fn count(rows: i64) -> f64 {
    f64::from(u32::try_from(rows).unwrap_or(u32::MAX))
}

/// Says what the series mean, those of all files.
pub(crate) fn describe() {
    metrics::describe_counter!("saga_started_total", Unit::Count, "Sagas that began.");
    metrics::describe_counter!(
        "saga_ended_total",
        Unit::Count,
        "Sagas that came to an end: done, undone (compensated), diverted (the other branch) or stuck."
    );
    metrics::describe_counter!(
        "saga_interventions_total",
        Unit::Count,
        "What people did to sagas: retry, skip or abandon."
    );
    metrics::describe_histogram!(
        "saga_step_seconds",
        Unit::Seconds,
        "How long one attempt at a step took, in either direction."
    );
    metrics::describe_gauge!(
        "saga_open",
        Unit::Count,
        "Sagas that have not ended, by state: running, parked or stuck; 100,000 stands for more."
    );
    metrics::describe_gauge!("saga_stuck", Unit::Count, "Sagas that wait for a person.");
    metrics::describe_gauge!(
        "saga_oldest_age_seconds",
        Unit::Seconds,
        "Age of the oldest saga that has not ended."
    );
}
