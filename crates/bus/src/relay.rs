//! The relay: from this service's outbox to the inboxes of others.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::Unit;
use pg::outbox::{self, Claimed};
use runtime::RpcNeighbour;
use runtime::context::{self, Context};
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use types::Clock;
use wire::rpc::events::Event;
use wire::rpc::events::inbox_client::InboxClient;

/// How long a claimed event is ours to hand over.
const LEASE: Duration = Duration::from_secs(10);
/// How often to look where nobody nudges.
const POLL: Duration = Duration::from_secs(1);
/// Events claimed at once.
const BATCH: u32 = 64;
/// The longest pause before an event is tried again.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// Hands events to their subscribers until told to stop. Cheap to clone.
#[derive(Clone)]
pub struct Relay {
    service: &'static str,
    pool: PgPool,
    clock: Arc<dyn Clock>,
    subscribers: Arc<HashMap<&'static str, RpcNeighbour>>,
    nudge: Arc<Notify>,
}

impl Relay {
    /// A relay of `service`'s outbox. Every subscriber that a topic names must be here.
    #[must_use]
    pub fn new(
        service: &'static str,
        pool: PgPool,
        clock: Arc<dyn Clock>,
        subscribers: HashMap<&'static str, RpcNeighbour>,
    ) -> Self {
        metrics::describe_counter!(
            "events_relayed_total",
            Unit::Count,
            "Events that a subscriber has taken."
        );
        metrics::describe_counter!(
            "events_refused_total",
            Unit::Count,
            "Attempts to hand an event over that failed; each is tried again."
        );
        Self {
            service,
            pool,
            clock,
            subscribers: Arc::new(subscribers),
            nudge: Arc::default(),
        }
    }

    /// Tells the relay that something was published.
    pub fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Relays until `stop`.
    pub async fn work(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.run_due().await {
                Ok(0) => {}
                Ok(_) => continue,
                Err(error) => tracing::warn!(%error, "the outbox could not be read; trying again"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Hands over one batch of what is due; returns how many were taken by their subscribers.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn run_due(&self) -> Result<usize, sqlx::Error> {
        let claimed = outbox::claim(&self.pool, self.clock.now(), LEASE, BATCH).await?;
        let handed = futures::future::join_all(claimed.iter().map(|c| self.hand_over(c))).await;
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for (event, outcome) in claimed.iter().zip(handed) {
            match outcome {
                Ok(()) => done.push(event),
                Err(status) => {
                    tracing::warn!(
                        event = event.event.event_type,
                        subscriber = event.subscriber,
                        attempt = event.attempt,
                        error = status.message(),
                        "an event was not taken; trying again"
                    );
                    failed.push(event);
                }
            }
        }
        metrics::counter!("events_refused_total", "service" => self.service)
            .increment(u64::try_from(failed.len()).unwrap_or_default());
        for event in failed {
            outbox::failed(&self.pool, event, self.clock.now(), backoff(event.attempt)).await?;
        }
        let count = done.len();
        outbox::delivered(&self.pool, done).await?;
        metrics::counter!("events_relayed_total", "service" => self.service)
            .increment(u64::try_from(count).unwrap_or_default());
        Ok(count)
    }

    async fn hand_over(&self, claimed: &Claimed) -> Result<(), tonic::Status> {
        let Some(neighbour) = self.subscribers.get(claimed.subscriber.as_str()) else {
            return Err(tonic::Status::internal("the topology names no such subscriber"));
        };
        let event = &claimed.event;
        let message = Event {
            id: event.event_id.to_string(),
            r#type: event.event_type.clone(),
            aggregate: event.aggregate.clone(),
            aggregate_id: event.aggregate_id,
            sequence: event.sequence,
            occurred_at: types::rfc3339(event.occurred_at),
            actor: event.actor.clone(),
            trace: event.trace.clone(),
            causation: event.causation.clone().unwrap_or_default(),
            payload: event.payload.to_string().into_bytes(),
        };
        let mut client = InboxClient::new(neighbour.clone());
        let context = Context::from_traceparent(self.service, Some(&event.trace));
        context::scope(context, client.deliver(message)).await.map(|_| ())
    }
}

fn backoff(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt.clamp(1, 8) - 1).unwrap_or_default();
    (Duration::from_millis(200) * 2_u32.pow(doublings)).min(MAX_BACKOFF)
}
