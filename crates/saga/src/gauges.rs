//! What the workers report of all sagas of one name, whichever process drives them.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::definition::Saga;
use crate::engine::Engine;
use crate::error::SagaError;

/// How often to look.
const EVERY: Duration = Duration::from_secs(15);

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
                   least((select min(created_at) from saga where name = $1 and state = 'running'),
                         (select min(created_at) from saga where name = $1 and state = 'parked'),
                         (select min(created_at) from saga where name = $1 and state = 'stuck')) as oldest
            "#,
            S::NAME,
        )
        .fetch_one(&self.pool)
        .await
        .map_err(SagaError::store("count sagas"))?;
        let service = self.settings.service;
        let stuck = u32::try_from(row.stuck).unwrap_or(u32::MAX);
        metrics::gauge!("saga_stuck", "service" => service, "saga" => S::NAME).set(f64::from(stuck));
        let age = row.oldest.map_or(0.0, |oldest| {
            (self.clock.now() - oldest).as_seconds_f64().max(0.0)
        });
        metrics::gauge!("saga_oldest_age_seconds", "service" => service, "saga" => S::NAME).set(age);
        Ok(())
    }
}
