//! Telling the customer: the job that will, enqueued by the transaction that gives a reason.

use pg::jobs::{NewJob, enqueue};
use runtime::context;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use types::OrderId;

use crate::domain::{Letter, Status};
use crate::error::OrderError;
use crate::store::fault;

/// What mails are counted under.
pub const QUEUE: &str = "mail";
/// The job that sends one.
pub const KIND: &str = "order-mail";

/// What the job knows: which order, and what it became. No address: that is asked for when the mail is sent.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderMail {
    /// The order.
    pub order_id: OrderId,
    /// The status that it went to.
    pub to: String,
}

/// Sees to it that the customer hears of the move, once (ORD-13). An order is in each status at most once, so the move
/// is the key.
pub async fn customer(
    conn: &mut PgConnection,
    id: OrderId,
    (from, to): (Status, Status),
    at: OffsetDateTime,
) -> Result<(), OrderError> {
    if !Letter::is_due(from, to) {
        return Ok(());
    }
    let key = format!("order/{id}/{to}");
    let trace = context::current().map(|c| c.traceparent()).unwrap_or_default();
    let payload = json!(OrderMail {
        order_id: id,
        to: to.name().to_owned(),
    });
    let job = NewJob::new(QUEUE, KIND, payload, at).unique(&key).trace(&trace);
    let enqueued = enqueue(conn, job).await.map_err(fault("enqueue a mail"))?;
    if enqueued.is_none() {
        tracing::warn!(order.id = %id, %to, "the mail of this move waits already");
    }
    Ok(())
}
