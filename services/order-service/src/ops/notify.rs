//! Telling the customer: the job that will, enqueued by the transaction that gives a reason.

use pg::jobs::{NewJob, enqueue_many};
use runtime::context::{self, Context};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use time::OffsetDateTime;
use types::OrderId;

use crate::domain::{Letter, News};
use crate::error::OrderError;
use crate::store::fault;
use crate::store::orders::Move;

/// What mails are counted under.
pub const QUEUE: &str = "mail";
/// The job that sends one.
pub const KIND: &str = "order-mail";

/// A mail server that is away for a night, or does not know our password any more, costs no mail: with the pauses of
/// `jobs::mail` these are a day's attempts.
const ATTEMPTS: u16 = 100;

/// What the job knows: which order, and what is told of it. No address: that is asked for when the mail is sent.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderMail {
    /// The order.
    pub order_id: OrderId,
    /// The word of the [`News`].
    pub to: String,
}

/// Sees to it that the customers hear of these moves, each once (ORD-13), unless a request is answered with it. An order is in each status at most once, so the
/// move is the key.
pub async fn customers(
    conn: &mut PgConnection,
    moves: &[&Move],
    at: OffsetDateTime,
) -> Result<(), OrderError> {
    let due = moves.iter().filter(|m| !m.answered && Letter::is_due(m.to));
    let news = due.map(|m| (m.id, News::Became(m.to), m.context.clone()));
    enqueue(conn, news.collect(), at).await
}

/// Sees to it that the customer of `id` hears of `news`, once.
pub async fn customer(
    conn: &mut PgConnection,
    id: OrderId,
    news: News,
    at: OffsetDateTime,
) -> Result<(), OrderError> {
    enqueue(conn, vec![(id, news, context::current())], at).await
}

/// Sees to it that the customers of these orders hear of this news. Such a mail that waits already is not sent twice, and one that
/// was sent goes out again under the same Message-ID.
pub async fn enqueue(
    conn: &mut PgConnection,
    news: Vec<(OrderId, News, Option<Context>)>,
    at: OffsetDateTime,
) -> Result<(), OrderError> {
    let mails: Vec<(String, String, Value)> = news
        .into_iter()
        .map(|(order_id, news, context)| {
            let key = format!("order/{order_id}/{news}");
            let trace = context.as_ref().map(Context::traceparent).unwrap_or_default();
            let mail = OrderMail {
                order_id,
                to: news.to_string(),
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
                .attempts(ATTEMPTS)
                .trace(trace)
        })
        .collect();
    let (count, all) = (jobs.len(), enqueue_many(conn, jobs));
    let enqueued = all.await.map_err(fault("enqueue mails"))?;
    if usize::try_from(enqueued) != Ok(count) {
        tracing::warn!(count, enqueued, "such mails wait already");
    }
    Ok(())
}
