//! The inbox: the gRPC side on which a subscriber takes events.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::Value;
use time::OffsetDateTime;
use tonic::{Request, Response, Status};
use uuid::Uuid;
use wire::rpc::events::inbox_server::{Inbox, InboxServer};
use wire::rpc::events::{Ack, Event};

/// An event as a subscriber gets it.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Tells repetitions: goes into [`pg::inbox::first_time`], in the transaction of the effect.
    pub id: Uuid,
    /// Such as `payment.succeeded.v1`.
    pub kind: String,
    /// The payload.
    pub payload: Value,
    /// When it happened, as its publisher saw it.
    pub occurred_at: OffsetDateTime,
}

/// A payload that is not what its type says: a newer program may have published it.
#[derive(Debug, thiserror::Error)]
#[error("an event of type {kind} could not be read: {source}")]
pub struct Unreadable {
    kind: &'static str,
    source: serde_json::Error,
}

impl Delivered {
    /// The payload as `E`; nothing if the event is of another type.
    ///
    /// # Errors
    /// It is of that type and cannot be read. It must not be taken: whoever sent it keeps it until it can.
    pub fn read<E: wire::events::Event>(&self) -> Result<Option<E>, Unreadable> {
        if self.kind != E::TYPE {
            return Ok(None);
        }
        let read = serde_json::from_value(self.payload.clone());
        read.map(Some).map_err(|source| Unreadable {
            kind: E::TYPE,
            source,
        })
    }
}

/// Takes one event: returns once its effect and its inbox row are committed.
pub type Handler = Arc<dyn Fn(Delivered) -> BoxFuture<'static, Result<(), Status>> + Send + Sync>;

/// The gRPC server that feeds `handler`.
#[must_use]
pub fn inbox_server(handler: Handler) -> InboxServer<impl Inbox> {
    InboxServer::new(Receiver(handler))
}

struct Receiver(Handler);

#[tonic::async_trait]
impl Inbox for Receiver {
    async fn deliver(&self, request: Request<Event>) -> Result<Response<Ack>, Status> {
        let event = request.into_inner();
        let malformed = |what: &str| Status::invalid_argument(format!("an event with a malformed {what}"));
        let delivered = Delivered {
            id: event.id.parse().map_err(|_| malformed("id"))?,
            payload: serde_json::from_slice(&event.payload).map_err(|_| malformed("payload"))?,
            occurred_at: OffsetDateTime::parse(
                &event.occurred_at,
                &time::format_description::well_known::Rfc3339,
            )
            .map_err(|_| malformed("time"))?,
            kind: event.r#type,
        };
        (self.0)(delivered).await.map(|()| Response::new(Ack {}))
    }
}
