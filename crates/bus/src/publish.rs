//! Publishing.

use runtime::context::{self, Context};
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

/// An event to be published: what happened to which thing, who did it, and on which request.
#[derive(Clone, Debug)]
pub struct News {
    aggregate_id: i64,
    event_type: &'static str,
    payload: Result<serde_json::Value, String>,
    actor: String,
    context: Option<Context>,
}

impl News {
    /// `event` about the thing `aggregate_id`, done by `actor` on the request that the task works for.
    #[must_use]
    pub fn new<E: Event>(aggregate_id: i64, event: &E, actor: Actor) -> Self {
        Self {
            aggregate_id,
            event_type: E::TYPE,
            payload: serde_json::to_value(event).map_err(|error| error.to_string()),
            actor: match actor.user() {
                Some(user) => format!("{}:{user}", actor.kind()),
                None => actor.kind().to_owned(),
            },
            context: context::current(),
        }
    }

    /// The same, on another request.
    #[must_use]
    pub fn on(self, context: Option<Context>) -> Self {
        Self { context, ..self }
    }
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
    publish_all(conn, topic, &[News::new(aggregate_id, event, actor)], now).await
}

/// [`publish`] for many in one statement. The news of one thing follow each other as they stand here.
///
/// # Errors
/// The database did not answer.
pub async fn publish_all(
    conn: &mut PgConnection,
    topic: &Topic,
    news: &[News],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let traces: Vec<String> = news
        .iter()
        .map(|n| n.context.as_ref().map(Context::traceparent).unwrap_or_default())
        .collect();
    let mut events = Vec::with_capacity(news.len());
    for (news, trace) in news.iter().zip(&traces) {
        events.push(pg::outbox::NewEvent {
            event_type: news.event_type,
            aggregate: topic.aggregate,
            aggregate_id: news.aggregate_id,
            payload: news.payload.clone().map_err(|e| sqlx::Error::Encode(e.into()))?,
            occurred_at: now,
            actor: &news.actor,
            trace,
            causation: news.context.as_ref().map(|c| c.request_id.as_str()),
        });
    }
    pg::outbox::publish_all(conn, events, topic.subscribers)
        .await
        .map(|_| ())
}
