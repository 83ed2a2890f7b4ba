//! Every event of a log is in the inbox of each of its subscribers, once: an inbox has no room for it twice.

use pg::audit::{self, Tally};
use runtime::StartError;
use sqlx::PgPool;
use time::OffsetDateTime;

use super::Books;

/// How many events are looked for at a time.
const CHUNK: i64 = 5_000;

pub(super) async fn check(books: &Books, settled_before: OffsetDateTime) -> Result<Tally, StartError> {
    let publishers = [
        (&books.product, product_service::operator::TOPICS),
        (&books.order, order_service::operator::TOPICS),
        (&books.payment, payment_service::operator::TOPICS),
    ];
    let mut tally = Tally::default();
    for (log, topics) in publishers {
        for topic in topics {
            for subscriber in topic.subscribers {
                let inbox = inbox_of(books, subscriber)?;
                let found = taken(log, topic.aggregate, inbox, subscriber, settled_before).await?;
                tally = tally.and(found);
            }
        }
    }
    Ok(tally)
}

fn inbox_of<'a>(books: &'a Books, subscriber: &str) -> Result<&'a PgPool, StartError> {
    match subscriber {
        user_service::NAME => Ok(&books.user),
        product_service::NAME => Ok(&books.product),
        order_service::NAME => Ok(&books.order),
        payment_service::NAME => Ok(&books.payment),
        other => Err(format!("the topology names a subscriber that is not there: {other}").into()),
    }
}

async fn taken(
    log: &PgPool,
    aggregate: &str,
    inbox: &PgPool,
    subscriber: &str,
    settled_before: OffsetDateTime,
) -> Result<Tally, StartError> {
    let (mut tally, mut after) = (Tally::default(), 0);
    loop {
        let events = audit::retained(log, aggregate, after, settled_before, CHUNK).await?;
        let Some(last) = events.last() else {
            return Ok(tally);
        };
        after = last.outbox_id;
        let ids: Vec<_> = events.iter().map(|event| event.event_id).collect();
        let missing = audit::missing(inbox, subscriber, &ids).await?;
        for id in ids {
            let lost = missing.contains(&id);
            tally.note(lost.then(|| format!("event {id} about a {aggregate} never reached {subscriber}")));
        }
    }
}
