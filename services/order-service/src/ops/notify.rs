//! Telling the customer: the job that will, enqueued by the transaction that gives a reason.

use pg::jobs::{NewJob, enqueue_many};
use runtime::context::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use types::OrderId;

use crate::domain::Letter;
use crate::error::OrderError;
use crate::store::fault;
use crate::store::orders::Move;

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

/// Sees to it that the customers hear of these moves, each once (ORD-13). An order is in each status at most once, so the
/// move is the key.
pub async fn customers(
    conn: &mut PgConnection,
    moves: &[&Move],
    at: OffsetDateTime,
) -> Result<(), OrderError> {
    let due = moves.iter().filter(|m| Letter::is_due(m.from, m.to));
    let mails: Vec<(String, String, Value)> = due
        .map(|m| {
            let key = format!("order/{}/{}", m.id, m.to);
            let trace = m.context.as_ref().map(Context::traceparent).unwrap_or_default();
            let mail = OrderMail {
                order_id: m.id,
                to: m.to.name().to_owned(),
            };
            (key, trace, json!(mail))
        })
        .collect();
    if mails.is_empty() {
        return Ok(());
    }
    let jobs: Vec<NewJob<'_>> = mails
        .iter()
        .map(|(key, trace, mail)| {
            NewJob::new(QUEUE, KIND, mail.clone(), at)
                .unique(key)
                .trace(trace)
        })
        .collect();
    let (count, all) = (jobs.len(), enqueue_many(conn, jobs));
    let enqueued = all.await.map_err(fault("enqueue mails"))?;
    if usize::try_from(enqueued) != Ok(count) {
        tracing::warn!(count, enqueued, "mails of such moves wait already");
    }
    Ok(())
}
