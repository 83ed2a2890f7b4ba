//! `GET /orders`

use axum::extract::{RawQuery, State};
use serde::Deserialize;
use souk_http::{Caller, Checks, Json, Links, Problem, ProblemBody, Query};
use types::{BadPage, Page, Role, UserId};
use utoipa::IntoParams;
use wire::code;
use wire::list::Pagination;
use wire::orders::OrderList;

use super::view;
use crate::domain::Status;
use crate::state::AppState;
use crate::store::fault;
use crate::store::list::{self, Filter};

/// Which orders, and which page of them.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// From 1; pages reach 10,000 rows deep.
    #[param(value_type = Option<u32>)]
    page: Option<String>,
    /// 1 to 100.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// `nextCursor` of the page before; instead of `page`.
    cursor: Option<String>,
    /// `exact`: all orders are counted, also beyond 10,000.
    count: Option<String>,
    /// In this status only.
    status: Option<String>,
    /// `seller`: orders that hold own products. `admin`: all orders. Without it: the caller's own purchases.
    #[serde(rename = "as")]
    view: Option<String>,
    /// With `as=admin`: bought by this account.
    #[param(value_type = Option<i64>)]
    user: Option<String>,
}

/// Orders, newest first: the caller's own purchases, unless `as` says otherwise.
#[utoipa::path(get, path = "/orders", tag = "orders", params(ListQuery),
    security(("bearer" = [])), extensions(("x-access" = json!("signed-in"))),
    responses(
        (status = 200, body = OrderList),
        (status = 400, body = ProblemBody, description = "page-too-deep or invalid-cursor"),
        (status = 401, body = ProblemBody, description = "unauthenticated"),
        (status = 403, body = ProblemBody, description = "forbidden: a view that is not the caller's"),
        (status = 422, body = ProblemBody, description = "invalid-request")))]
#[tracing::instrument(name = "order.list", skip_all)]
pub async fn list_orders(
    State(app): State<AppState>,
    caller: Caller,
    Query(query): Query<ListQuery>,
    RawQuery(asked): RawQuery,
) -> Result<(Links, Json<OrderList>), Problem> {
    let mut filter = whose(&query, &caller)?;
    let list = format!("orders {filter:?}");
    let (limit, page) = match start(&query)? {
        Start::Page(page) => (page.limit(), Some(page)),
        Start::Cursor(cursor, limit) => {
            filter.before = Some(app.cursors.decode(&list, &cursor)?);
            (limit, None)
        }
    };
    let offset = page.map_or(0, Page::offset);
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    // One more than is shown tells whether there is a next page.
    let mut orders = list::list(&mut conn, filter, i64::from(limit) + 1, offset).await?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = orders.len() > shown;
    orders.truncate(shown);
    let last = orders.last().map(|o| o.id).filter(|_| more);
    let next_cursor = last.map(|id| app.cursors.encode(&list, &id));
    let pagination = match page {
        Some(page) => Pagination::numbered(
            page,
            list::count(&mut conn, filter, query.count.is_some()).await?,
            next_cursor,
        ),
        None => Pagination::by_cursor(limit, next_cursor),
    };
    let links = Links::of(asked.as_deref(), &pagination);
    let orders = orders.into_iter().map(|o| view::order(o, caller.actor()));
    let list = OrderList {
        orders: orders.collect(),
        pagination,
    };
    Ok((links, Json(list)))
}

/// Whose orders, as far as the caller may see them.
fn whose(query: &ListQuery, caller: &Caller) -> Result<Filter, Problem> {
    let mut checks = Checks::new();
    let status = query.status.as_deref().filter(|s| !s.is_empty());
    let status = status.and_then(|word| checks.take("/query/status", word.parse::<Status>()));
    let user = query.user.as_deref().filter(|u| !u.is_empty());
    let user = user.and_then(|id| checks.take("/query/user", id.parse::<UserId>()));
    let view = query.view.as_deref().unwrap_or("buyer");
    if !matches!(view, "buyer" | "seller" | "admin") {
        checks.refuse("/query/as", "is seller or admin, or left out");
    }
    if query.user.is_some() && view != "admin" {
        checks.refuse("/query/user", "goes with as=admin only");
    }
    checks.finish()?;
    let filter = Filter {
        status,
        ..Filter::default()
    };
    match view {
        "seller" => caller.require(&[Role::Seller, Role::Admin]).map(|()| Filter {
            seller: Some(caller.id),
            ..filter
        }),
        "admin" => caller.require(&[Role::Admin]).map(|()| Filter {
            buyer: user,
            ..filter
        }),
        _ => Ok(Filter {
            buyer: Some(caller.id),
            ..filter
        }),
    }
}

/// A page by number, or a cursor that is still to be read.
enum Start {
    Page(Page),
    Cursor(String, u32),
}

fn start(query: &ListQuery) -> Result<Start, Problem> {
    let mut checks = Checks::new();
    let mut number = |pointer: &str, text: Option<&str>, default: i64| match text {
        None => Some(default),
        Some(text) => checks.take(pointer, text.parse::<i64>().map_err(|_| "is a whole number")),
    };
    let limit = number(
        "/query/limit",
        query.limit.as_deref(),
        i64::from(Page::DEFAULT_LIMIT),
    );
    let page = number("/query/page", query.page.as_deref(), 1);
    if query.count.as_deref().is_some_and(|word| word != "exact") {
        checks.refuse("/query/count", "is exact, or left out");
    }
    checks.finish()?;
    let (limit, page) = (limit.unwrap_or_default(), page.unwrap_or_default());
    match &query.cursor {
        Some(cursor) => Page::limit_of(limit).map(|limit| Start::Cursor(cursor.clone(), limit)),
        None => Page::new(page, limit).map(Start::Page),
    }
    .map_err(|bad| match bad {
        BadPage::Number => Problem::invalid_at("/query/page", bad),
        BadPage::Limit => Problem::invalid_at("/query/limit", bad),
        BadPage::TooDeep => Problem::new(code::PAGE_TOO_DEEP).detail(format!("{bad}.")),
    })
}
