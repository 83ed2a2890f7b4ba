//! What payment-service has told us of an order's money.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{Currency, OrderId};

use super::fault;
use crate::domain::{Refusal, Status};
use crate::error::OrderError;

/// Payment statuses that any news may follow.
const OPEN: [&str; 4] = ["pending", "processing", "requires_action", "failed"];
/// Those that only a refund follows, or one another.
const SETTLED: [&str; 3] = ["succeeded", "cancelled", "mismatch"];
/// What the sum of all refunds says.
const SENT_BACK: [&str; 2] = ["partially_refunded", "refunded"];

/// The statuses that may become `status`: news of what came before changes nothing any more (PAY-10).
fn beneath(status: &str) -> Vec<String> {
    let reach: &[&[&str]] = match status {
        status if OPEN.contains(&status) => &[&OPEN],
        status if SETTLED.contains(&status) => &[&OPEN, &SETTLED],
        _ => &[&OPEN, &SETTLED, &SENT_BACK],
    };
    let all = reach.iter().flat_map(|statuses| statuses.iter());
    all.filter(|s| **s != status).map(|s| (*s).to_owned()).collect()
}

/// Notes a fact once and sets the order's payment status, if it is news.
pub async fn note(
    conn: &mut PgConnection,
    id: OrderId,
    fact: &str,
    amount_minor: i64,
    currency: &str,
    payment_status: &str,
    at: OffsetDateTime,
) -> Result<(), OrderError> {
    sqlx::query!(
        r#"
        with noted as (
            insert into payment_facts (order_id, fact, amount_minor, currency, at)
            values ($1, $2, $3, $4, $6)
                on conflict on constraint payment_facts_pkey
                do update set amount_minor = excluded.amount_minor, currency = excluded.currency, at = excluded.at
        )
        update orders set payment_status = $5, version = version + 1, updated_at = $6
         where id = $1 and payment_status = any($7)
        "#,
        id.get(),
        fact,
        amount_minor,
        currency,
        payment_status,
        at,
        &beneath(payment_status),
    )
    .execute(conn)
    .await
    .map_err(fault("note what was paid"))?;
    Ok(())
}

/// What has gone back of an order's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentBack {
    /// How much by the latest news, in minor units.
    pub minor: i64,
    /// Of which currency, where another amount than the order's was paid.
    pub currency: Option<Currency>,
}

/// What has gone back of the order's money.
pub async fn sent_back(conn: &mut PgConnection, id: OrderId) -> Result<SentBack, OrderError> {
    let row = sqlx::query!(
        r#"
        select coalesce(max(amount_minor) filter (where fact = 'refunded'), 0) as "minor!",
               max(currency) filter (where fact = 'mismatch') as currency
          from payment_facts
         where order_id = $1
        "#,
        id.get(),
    )
    .fetch_one(conn)
    .await
    .map_err(fault("read what was refunded"))?;
    let currency = row.currency.as_deref().map(Currency::parse).transpose();
    Ok(SentBack {
        minor: row.minor,
        currency: currency.map_err(|_| OrderError::Corrupt("currency of a payment"))?,
    })
}

/// Notes that all that was refunded is with us again: the payment is what it was before.
pub async fn note_kept(conn: &mut PgConnection, id: OrderId, at: OffsetDateTime) -> Result<(), OrderError> {
    sqlx::query!(
        r#"
        with kept as (
            update payment_facts set amount_minor = 0, at = $2 where order_id = $1 and fact = 'refunded'
        )
        update orders o
           set payment_status = case when exists (select from payment_facts f
                                                   where f.order_id = o.id and f.fact = 'mismatch')
                                     then 'mismatch' else 'succeeded' end,
               version = version + 1, updated_at = $2
         where id = $1 and payment_status in ('partially_refunded', 'refunded')
        "#,
        id.get(),
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("note that a refund came back"))?;
    Ok(())
}

/// Notes where a dispute of the order's payment stands. News of one payment comes in order.
pub async fn note_dispute(
    conn: &mut PgConnection,
    id: OrderId,
    dispute_status: &str,
    at: OffsetDateTime,
) -> Result<(), OrderError> {
    sqlx::query!(
        r#"
        update orders
           set dispute_status = $2, version = version + 1, updated_at = $3
         where id = $1 and dispute_status <> $2
        "#,
        id.get(),
        dispute_status,
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("note a dispute"))?;
    Ok(())
}

/// Where an order stands with its money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its status.
    pub status: Status,
    /// What the payment is.
    pub payment_status: String,
    /// Whether its money has arrived, in full and in its currency.
    pub paid: bool,
}

/// Where the order stands with its money.
#[tracing::instrument(name = "db.facts.standing", skip_all, fields(order.id = %id))]
pub async fn standing(conn: &mut PgConnection, id: OrderId) -> Result<Standing, OrderError> {
    let row = sqlx::query!(
        r#"
        select o.status, o.payment_status,
               exists (select from payment_facts f
                        where f.order_id = o.id and f.fact = 'succeeded'
                          and f.amount_minor = o.total_minor and f.currency = o.currency) as "paid!"
          from orders o
         where o.id = $1
        "#,
        id.get(),
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("read what was paid"))?
    .ok_or(Refusal::NotFound(id))?;
    Ok(Standing {
        status: row.status.parse().map_err(|_| OrderError::Corrupt("status"))?,
        payment_status: row.payment_status,
        paid: row.paid,
    })
}
