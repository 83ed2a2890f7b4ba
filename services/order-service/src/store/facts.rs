//! What payment-service has told us of an order's money.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::OrderId;

use super::fault;
use crate::error::OrderError;

/// Notes a fact once and sets the order's payment status.
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
                do update set amount_minor = excluded.amount_minor, at = excluded.at
        )
        update orders set payment_status = $5, version = version + 1, updated_at = $6 where id = $1
        "#,
        id.get(),
        fact,
        amount_minor,
        currency,
        payment_status,
        at,
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
