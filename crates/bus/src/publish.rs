//! Publishing.

use runtime::context;
use sqlx::PgConnection;
use time::OffsetDateTime;
use types::Actor;
use wire::events::Event;

/// A kind of thing whose changes are told, and who wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// Such as `payment`.
    pub aggregate: &'static str,
    /// Names of services.
    pub subscribers: &'static [&'static str],
}

/// Writes `event` about the thing `aggregate_id` in the caller's transaction. [`crate::Relay::nudge`] after the
/// commit hands it over at once; without it the relay finds it within a second.
///
/// # Errors
/// The database did not answer.
pub async fn publish<E: Event>(
    conn: &mut PgConnection,
    topic: &Topic,
    aggregate_id: i64,
    event: &E,
    actor: Actor,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let context = context::current();
    let trace = context
        .as_ref()
        .map(context::Context::traceparent)
        .unwrap_or_default();
    let actor = match actor.user() {
        Some(user) => format!("{}:{user}", actor.kind()),
        None => actor.kind().to_owned(),
    };
    let event = pg::outbox::NewEvent {
        event_type: E::TYPE,
        aggregate: topic.aggregate,
        aggregate_id,
        payload: serde_json::to_value(event).map_err(|e| sqlx::Error::Encode(Box::new(e)))?,
        occurred_at: now,
        actor: &actor,
        trace: &trace,
        causation: context.as_ref().map(|c| c.request_id.as_str()),
    };
    pg::outbox::publish(conn, event, topic.subscribers)
        .await
        .map(|_| ())
}
