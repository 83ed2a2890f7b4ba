//! Events in: a consumer takes each event once, however often it is delivered.

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::retention::in_batches;

/// Whether `consumer` sees the event for the first time. Call it in the transaction of the event's effect:
/// both are then committed or neither, and a second delivery waits for the first to end.
///
/// # Errors
/// The database did not answer.
#[tracing::instrument(name = "db.inbox.first_time", skip_all, fields(consumer, event.id = %event_id))]
pub async fn first_time(
    conn: &mut PgConnection,
    consumer: &str,
    event_id: Uuid,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let written = sqlx::query!(
        r#"
        insert into inbox (consumer, event_id, received_at)
        values ($1, $2, $3)
            on conflict on constraint inbox_pkey do nothing
        "#,
        consumer,
        event_id,
        now,
    )
    .execute(conn)
    .await?;
    Ok(written.rows_affected() == 1)
}

/// Forgets what was received before `before`; choose a span that no relay retries beyond.
///
/// # Errors
/// The database did not answer.
pub async fn prune(pool: &PgPool, before: OffsetDateTime) -> Result<u64, sqlx::Error> {
    in_batches(async |most| {
        let gone = sqlx::query!(
            r#"
            delete from inbox
             where ctid = any(array(select ctid from inbox where received_at < $1 order by received_at limit $2))
               and received_at < $1
            "#,
            before,
            most,
        );
        Ok(gone.execute(pool).await?.rows_affected())
    })
    .await
}
