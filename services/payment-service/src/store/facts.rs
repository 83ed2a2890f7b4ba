//! Which facts had their effect.

use std::collections::HashSet;

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::PaymentId;

use super::fault;
use crate::error::PaymentError;

/// A fact about one of the provider's objects, and the payment that it is about.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'a> {
    /// The object.
    pub object_id: &'a str,
    /// What became of it.
    pub fact: &'a str,
    /// Whose it is.
    pub payment_id: PaymentId,
}

/// Which of these facts are new, by object and fact. Call it in the transaction of their effects.
pub async fn first_times(
    conn: &mut PgConnection,
    facts: &[Fact<'_>],
    at: OffsetDateTime,
) -> Result<HashSet<(String, String)>, PaymentError> {
    if facts.is_empty() {
        return Ok(HashSet::new());
    }
    let objects: Vec<&str> = facts.iter().map(|f| f.object_id).collect();
    let names: Vec<&str> = facts.iter().map(|f| f.fact).collect();
    let payments: Vec<i64> = facts.iter().map(|f| f.payment_id.get()).collect();
    let new = sqlx::query!(
        r#"
        insert into payment_facts (object_id, fact, payment_id, at)
        select object_id, fact, payment_id, $4
          from unnest($1::text[], $2::text[], $3::bigint[]) as given (object_id, fact, payment_id)
            on conflict on constraint payment_facts_pkey do nothing
        returning object_id, fact
        "#,
        &objects as &[&str],
        &names as &[&str],
        &payments,
        at,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("note facts"))?;
    Ok(new.into_iter().map(|row| (row.object_id, row.fact)).collect())
}

/// [`first_times`] for one: whether it is new.
pub async fn first_time(
    conn: &mut PgConnection,
    fact: Fact<'_>,
    at: OffsetDateTime,
) -> Result<bool, PaymentError> {
    Ok(!first_times(conn, &[fact], at).await?.is_empty())
}
