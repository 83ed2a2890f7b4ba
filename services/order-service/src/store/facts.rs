//! What payment-service has told us of an order's money.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::OrderId;

use super::fault;
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

/// Whether the order's money has arrived, in full and in its currency.
pub async fn is_paid(conn: &mut PgConnection, id: OrderId) -> Result<bool, OrderError> {
    sqlx::query_scalar!(
        r#"
        select exists (
            select from payment_facts f join orders o on o.id = f.order_id
             where f.order_id = $1 and f.fact = 'succeeded'
               and f.amount_minor = o.total_minor and f.currency = o.currency) as "paid!"
        "#,
        id.get(),
    )
    .fetch_one(conn)
    .await
    .map_err(fault("read what was paid"))
}
