//! `GET /admin/ledger`

use axum::extract::{RawQuery, State};
use serde::Deserialize;
use souk_http::{Caller, Checks, Json, Links, Problem, ProblemBody, Query};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use types::{Currency, Money, OrderId, Page, PaymentId, Role, rfc3339};
use utoipa::IntoParams;
use wire::ledger as dto;
use wire::list::Pagination;

use crate::AppState;
use crate::domain::ledger::Account;
use crate::error::PaymentError;
use crate::store::fault;
use crate::store::ledger::{self, Entry, Filter};

/// Which entries, and where the page begins.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListLedger {
    /// About this order's payment only.
    #[param(value_type = Option<i64>)]
    order: Option<String>,
    /// With a line of this account only: provider, provider_fees, sales, refunds, unmatched, disputed or fees.
    account: Option<String>,
    /// Posted then or later, such as `2026-01-31T00:00:00Z`.
    from: Option<String>,
    /// Posted before then.
    to: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// 1 to 100.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
}

/// What happened to money, as double entries, the latest first.
///
/// The debits of an entry are its credits. An entry is never changed: what is taken back is another entry.
#[utoipa::path(get, path = "/admin/ledger", tag = "ledger", params(ListLedger),
    security(("bearer" = [])), extensions(("x-access" = json!("admin"))),
    responses(
        (status = 200, body = dto::LedgerList),
        (status = 400, body = ProblemBody, description = "invalid-cursor"),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden"),
        (status = 422, body = ProblemBody, description = "invalid-request")))]
#[tracing::instrument(name = "http.list_ledger", skip_all)]
pub(super) async fn list_ledger(
    State(app): State<AppState>,
    caller: Caller,
    Query(query): Query<ListLedger>,
    RawQuery(asked): RawQuery,
) -> Result<(Links, Json<dto::LedgerList>), Problem> {
    caller.require(&[Role::Admin])?;
    let (mut filter, limit) = read(&query)?;
    let list = format!("ledger {filter:?}");
    if let Some(cursor) = &query.cursor {
        filter.before = Some(app.cursors.decode(&list, cursor)?);
    }
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    // One more than is shown tells whether there is a next page.
    let mut entries = ledger::list(&mut conn, filter, i64::from(limit) + 1).await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = entries.len() > shown;
    entries.truncate(shown);
    let last = entries.last().map(|entry| entry.id).filter(|_| more);
    let pagination = Pagination::by_cursor(limit, last.map(|id| app.cursors.encode(&list, &id)));
    let links = Links::of(asked.as_deref(), &pagination);
    let entries = entries.into_iter().map(show).collect::<Result<_, _>>()?;
    Ok((links, Json(dto::LedgerList { entries, pagination })))
}

/// The filter, and how many; or everything that is wrong with them.
fn read(query: &ListLedger) -> Result<(Filter, u32), Problem> {
    fn given(text: &Option<String>) -> Option<&str> {
        text.as_deref().filter(|text| !text.is_empty())
    }
    let moment = |text: &str| OffsetDateTime::parse(text, &Rfc3339).map_err(|_| "is a time as in RFC 3339");
    let mut checks = Checks::new();
    let filter = Filter {
        order: given(&query.order).and_then(|id| checks.take("/query/order", id.parse::<OrderId>())),
        account: given(&query.account)
            .and_then(|word| checks.take("/query/account", word.parse::<Account>())),
        from: given(&query.from).and_then(|text| checks.take("/query/from", moment(text))),
        to: given(&query.to).and_then(|text| checks.take("/query/to", moment(text))),
        before: None,
    };
    let limit = given(&query.limit).and_then(|text| {
        let number = text.parse::<i64>().map_err(|_| "is a whole number");
        let number = checks.take("/query/limit", number)?;
        checks.take("/query/limit", Page::limit_of(number))
    });
    checks.finish()?;
    Ok((filter, limit.unwrap_or(Page::DEFAULT_LIMIT)))
}

fn show(entry: Entry) -> Result<dto::LedgerEntry, PaymentError> {
    let currency = Currency::parse(&entry.currency).map_err(|_| PaymentError::Corrupt("currency"))?;
    let amount = |minor: i64| Money::from_minor(minor, currency).to_string();
    let lines = entry.accounts.into_iter().zip(entry.amounts);
    let lines = lines.map(|(account, minor)| dto::LedgerLine {
        account,
        debit: (minor > 0).then(|| amount(minor)),
        credit: (minor < 0).then(|| amount(-minor)),
    });
    Ok(dto::LedgerEntry {
        id: entry.id,
        order_id: OrderId::new(entry.order_id).map_err(|_| PaymentError::Corrupt("order"))?,
        payment_id: PaymentId::new(entry.payment_id).map_err(|_| PaymentError::Corrupt("id"))?,
        fact: entry.fact,
        object_id: entry.object_id,
        currency: entry.currency,
        lines: lines.collect(),
        at: rfc3339(entry.at),
    })
}
