//! The ledger: entries are posted with the facts that they are about, and never change.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::PaymentId;

use super::fault;
use crate::domain::ledger::Fact;
use crate::error::PaymentError;

/// A fact to be posted.
#[derive(Clone, Copy, Debug)]
pub struct Posting<'a> {
    /// The provider's object that it is about, such as `re_…`.
    pub object_id: &'a str,
    /// What happened.
    pub fact: Fact,
    /// In which currency's minor units; without it, those of what arrived for the payment.
    pub currency: Option<&'a str>,
}

/// Posts a fact about a payment's money, in one statement, unless this very fact was posted before; says whether it was
/// new. Call it in the transaction of the fact.
#[tracing::instrument(name = "db.ledger.post", skip_all, fields(fact = posting.fact.name()))]
pub async fn post(
    conn: &mut PgConnection,
    payment: PaymentId,
    posting: Posting<'_>,
    at: OffsetDateTime,
) -> Result<bool, PaymentError> {
    let lines = posting.fact.lines();
    let accounts: Vec<&str> = lines.iter().map(|line| line.account.name()).collect();
    let amounts: Vec<i64> = lines.iter().map(|line| line.minor).collect();
    let posted = sqlx::query_scalar!(
        r#"
        with entry as (
            insert into ledger_entries (payment_id, object_id, fact, currency, at)
            select p.id, $2, $3, coalesce($4, (select e.currency
                                                 from ledger_entries e
                                                where e.payment_id = p.id and e.fact in ('captured', 'mismatched')
                                                limit 1), p.currency), $5
              from payments p
             where p.id = $1
                on conflict on constraint ledger_entries_object_fact_key do nothing
            returning id
        ), lines as (
            insert into ledger_lines (entry_id, account, amount_minor)
            select entry.id, line.account, line.amount_minor
              from entry
             cross join unnest($6::text[], $7::bigint[]) as line (account, amount_minor)
        )
        select id from entry
        "#,
        payment.get(),
        posting.object_id,
        posting.fact.name(),
        posting.currency,
        at,
        &accounts as &[&str],
        &amounts,
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("post to the ledger"))?;
    Ok(posted.is_some())
}
