//! The ledger: entries are posted with the facts that they are about, and never change.

use std::collections::HashSet;

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{OrderId, PaymentId};

use super::fault;
use crate::domain::ledger::{Account, Fact};
use crate::error::PaymentError;

/// A fact about a payment's money, to be posted.
#[derive(Clone, Copy, Debug)]
pub struct Posting<'a> {
    /// The payment.
    pub payment_id: PaymentId,
    /// The provider's object that it is about, such as `re_…`.
    pub object_id: &'a str,
    /// What happened.
    pub fact: Fact,
    /// In which currency's minor units; without it, those of what arrived for the payment.
    pub currency: Option<&'a str>,
}

/// Posts facts, in one statement, each unless this very fact was posted before; returns the objects of those that were
/// new. No two of them are about the same object. Call it in the transaction of the facts.
#[tracing::instrument(name = "db.ledger.post", skip_all, fields(facts = postings.len()))]
pub async fn post_all(
    conn: &mut PgConnection,
    postings: &[Posting<'_>],
    at: OffsetDateTime,
) -> Result<HashSet<String>, PaymentError> {
    if postings.is_empty() {
        return Ok(HashSet::new());
    }
    let payments: Vec<i64> = postings.iter().map(|p| p.payment_id.get()).collect();
    let objects: Vec<&str> = postings.iter().map(|p| p.object_id).collect();
    let facts: Vec<&str> = postings.iter().map(|p| p.fact.name()).collect();
    let currencies: Vec<Option<&str>> = postings.iter().map(|p| p.currency).collect();
    let (mut line_objects, mut accounts, mut amounts) = (Vec::new(), Vec::new(), Vec::new());
    for posting in postings {
        for line in posting.fact.lines() {
            line_objects.push(posting.object_id);
            accounts.push(line.account.name());
            amounts.push(line.minor);
        }
    }
    let posted = sqlx::query_scalar!(
        r#"
        with entry as (
            insert into ledger_entries (payment_id, object_id, fact, currency, at)
            select p.id, given.object_id, given.fact,
                   coalesce(given.currency, (select e.currency
                                               from ledger_entries e
                                              where e.payment_id = p.id and e.fact in ('captured', 'mismatched')
                                              limit 1), p.currency), $5
              from unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
                   as given (payment_id, object_id, fact, currency)
              join payments p on p.id = given.payment_id
                on conflict on constraint ledger_entries_object_fact_key do nothing
            returning id, object_id
        ), lines as (
            insert into ledger_lines (entry_id, account, amount_minor)
            select entry.id, line.account, line.amount_minor
              from unnest($6::text[], $7::text[], $8::bigint[]) as line (object_id, account, amount_minor)
              join entry on entry.object_id = line.object_id
        )
        select object_id as "object_id!" from entry
        "#,
        &payments,
        &objects as &[&str],
        &facts as &[&str],
        &currencies as &[Option<&str>],
        at,
        &line_objects as &[&str],
        &accounts as &[&str],
        &amounts,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("post to the ledger"))?;
    Ok(posted.into_iter().collect())
}

/// [`post_all`] for one: whether it was new.
pub async fn post(
    conn: &mut PgConnection,
    posting: Posting<'_>,
    at: OffsetDateTime,
) -> Result<bool, PaymentError> {
    Ok(!post_all(conn, &[posting], at).await?.is_empty())
}

/// Which entries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// About this order's payment.
    pub order: Option<OrderId>,
    /// With a line of this account.
    pub account: Option<Account>,
    /// Posted then or later.
    pub from: Option<OffsetDateTime>,
    /// Posted before then.
    pub to: Option<OffsetDateTime>,
    /// Older than this entry.
    pub before: Option<i64>,
}

/// An entry as it was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id; later entries have larger ones.
    pub id: i64,
    /// The payment.
    pub payment_id: i64,
    /// The payment's order.
    pub order_id: i64,
    /// The provider's object that it is about.
    pub object_id: String,
    /// What happened.
    pub fact: String,
    /// Of what the lines are minor units.
    pub currency: String,
    /// When it was posted.
    pub at: OffsetDateTime,
    /// The accounts of its lines.
    pub accounts: Vec<String>,
    /// Their amounts in the same order, debits above zero.
    pub amounts: Vec<i64>,
}

/// At most `limit` entries, the latest first.
#[tracing::instrument(name = "db.ledger.list", skip_all)]
pub async fn list(conn: &mut PgConnection, filter: Filter, limit: i64) -> Result<Vec<Entry>, PaymentError> {
    sqlx::query_as!(
        Entry,
        r#"
        select e.id, e.payment_id, p.order_id, e.object_id, e.fact, e.currency, e.at,
               lines.accounts as "accounts!", lines.amounts as "amounts!"
          from ledger_entries e
          join payments p on p.id = e.payment_id
         cross join lateral (
               select coalesce(array_agg(l.account order by l.amount_minor desc), '{}') as accounts,
                      coalesce(array_agg(l.amount_minor order by l.amount_minor desc), '{}') as amounts
                 from ledger_lines l
                where l.entry_id = e.id) as lines
         where ($1::bigint is null or e.payment_id = (select id from payments where order_id = $1))
           and ($2::text is null or exists (select from ledger_lines l where l.entry_id = e.id and l.account = $2))
           and ($3::timestamptz is null or e.at >= $3)
           and ($4::timestamptz is null or e.at < $4)
           and ($5::bigint is null or e.id < $5)
         order by e.id desc
         limit $6
        "#,
        filter.order.map(OrderId::get),
        filter.account.map(Account::name),
        filter.from,
        filter.to,
        filter.before,
        limit,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("list the ledger"))
}
