//! What waits for somebody: counted now and then, from indexes that hold nothing else.

use sqlx::PgConnection;
use time::OffsetDateTime;

use super::fault;
use crate::error::PaymentError;

/// Rows counted at most where there may be many.
const MOST: i64 = 100_000;

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Payments whose money is not what their order costs.
    pub mismatched: i64,
    /// Payments whose refund came back and whose money was not sent again, though it is here and at no bank.
    pub owed: i64,
    /// Events of the provider that were given up.
    pub dead: i64,
    /// Events of the provider that are to be worked off.
    pub received: i64,
    /// When the oldest of those arrived.
    pub oldest: Option<OffsetDateTime>,
    /// Differences that the latest look at open payments left unexplained.
    pub unexplained_open: i64,
    /// The same of the latest look at all of them.
    pub unexplained_all: i64,
}

/// Counts what waits.
#[tracing::instrument(name = "db.counts.waiting", skip_all)]
pub async fn waiting(conn: &mut PgConnection) -> Result<Waiting, PaymentError> {
    sqlx::query_as!(
        Waiting,
        r#"
        select (select count(*) from payments where status = 'mismatch') as "mismatched!",
               (select count(distinct p.id)
                  from refunds back
                  join payments p on p.id = back.payment_id
                 where back.status in ('failed', 'canceled') and back.provider_id is not null
                   and p.captured_minor > p.refunded_minor + p.refund_pending_minor + p.disputed_minor
                   and back.amount_minor > (select coalesce(sum(since.amount_minor), 0)
                                              from refunds since
                                             where since.payment_id = back.payment_id and since.id > back.id
                                               and since.status not in ('failed', 'canceled'))) as "owed!",
               (select count(*) from webhook_events where state = 'dead') as "dead!",
               (select count(*) from (select from webhook_events where state = 'received' limit $1) counted)
                   as "received!",
               (select min(received_at)
                  from (select received_at from webhook_events where state = 'received' limit $1) counted) as oldest,
               coalesce((select unexplained from reconciliations where scope = 'open' order by id desc limit 1), 0)
                   as "unexplained_open!",
               coalesce((select unexplained from reconciliations where scope = 'all' order by id desc limit 1), 0)
                   as "unexplained_all!"
        "#,
        MOST,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("count what waits"))
}
