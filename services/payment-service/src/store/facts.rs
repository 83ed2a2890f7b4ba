//! Which facts had their effect.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::PaymentId;

use super::fault;
use crate::error::PaymentError;

/// Whether `fact` about the provider's `object_id` is new. Call it in the transaction of the effect.
pub async fn first_time(
    conn: &mut PgConnection,
    object_id: &str,
    fact: &str,
    payment_id: PaymentId,
    at: OffsetDateTime,
) -> Result<bool, PaymentError> {
    let written = sqlx::query!(
        r#"
        insert into payment_facts (object_id, fact, payment_id, at)
        values ($1, $2, $3, $4)
            on conflict on constraint payment_facts_pkey do nothing
        "#,
        object_id,
        fact,
        payment_id.get(),
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("note a fact"))?;
    Ok(written.rows_affected() == 1)
}
