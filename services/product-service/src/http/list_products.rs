//! `GET /products`.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use cache::Loaded;
use http::HeaderMap;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use souk_http::{Checks, Links, Problem, ProblemBody, Query, fresh_or};
use types::{BadPage, Currency, DecimalText, Money, Page};
use utoipa::IntoParams;
use wire::code;
use wire::list::Pagination;
use wire::products::ProductList;

use super::view;
use crate::domain::{CategoryKey, Filter, Position, ProductKey, Search, Sort};
use crate::error::ProductError;
use crate::store::{fault, list};
use crate::{AppState, lists_tag};

/// The query string as it was sent; what the words mean is checked together.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// The page's number, from 1; pages reach 10,000 rows deep.
    #[param(value_type = Option<u32>)]
    page: Option<String>,
    /// Rows a page, 1 to 100; 20 if absent.
    #[param(value_type = Option<u32>)]
    limit: Option<String>,
    /// `nextCursor` of the page before; goes as deep as one likes.
    cursor: Option<String>,
    /// `exact`: all products are counted, also beyond 10,000.
    count: Option<String>,
    /// Words in name, SKU, tags and description; `"…"`, `or` and `-` work, the last word may be unfinished.
    search: Option<String>,
    /// A category's id or slug; those below it count too.
    category: Option<String>,
    /// A seller's id.
    #[param(value_type = Option<i64>)]
    seller: Option<String>,
    /// In major units.
    #[serde(alias = "min_price")]
    min_price: Option<String>,
    /// In major units.
    #[serde(alias = "max_price")]
    max_price: Option<String>,
    /// One of these, by commas.
    tags: Option<String>,
    /// true or false; both if absent.
    #[param(value_type = Option<bool>)]
    featured: Option<String>,
    /// true or false; both if absent.
    #[serde(alias = "in_stock")]
    #[param(value_type = Option<bool>)]
    in_stock: Option<String>,
    /// relevance, newest, price_asc, price_desc, name or rating.
    #[serde(alias = "sort_by")]
    sort_by: Option<String>,
}

/// Products on sale.
///
/// By page (`page`, `limit`: with the total) or by cursor (`cursor`, `limit`: at the same cost however deep). The best
/// match comes first where there is a search, else the newest.
#[utoipa::path(get, path = "/products", tag = "products", params(ListQuery),
    security(()), extensions(("x-access" = json!("anyone"))),
    responses((status = 200, body = ProductList), (status = 304), (status = 400, body = ProblemBody),
        (status = 422, body = ProblemBody)))]
#[tracing::instrument(name = "product.list", skip_all)]
pub(super) async fn list_products(
    State(app): State<AppState>,
    headers: HeaderMap,
    Query(query): Query<ListQuery>,
    RawQuery(asked): RawQuery,
) -> Result<(Links, Response), Problem> {
    let (filter, page) = checked(&query, app.currency)?;
    let name = filter.list_name();
    let after: Option<Position> = query
        .cursor
        .as_deref()
        .map(|cursor| app.cursors.decode(&name, cursor))
        .transpose()?;
    // The cursor as it was sent: two that mean the same place are two pages, which costs a load.
    let asked_for = format!("{name} {page:?} {:?} {:?}", query.cursor, sent(&query.count));
    let load = || read(&app, &filter, page, after.as_ref(), sent(&query.count).is_some());
    let list = app
        .lists
        .get_or_load(hex::encode(Sha256::digest(asked_for)), &[lists_tag()], load)
        .await
        .map_err(ProductError::Shared)?;
    let links = Links::of(asked.as_deref(), &list.pagination);
    let response = fresh_or(&headers, None, view::CACHE_CONTROL, &*list)?;
    Ok((links, response))
}

/// A page of the list, from the database.
async fn read(
    app: &AppState,
    filter: &Filter,
    page: Page,
    after: Option<&Position>,
    count_all: bool,
) -> Result<Loaded<ProductList>, ProductError> {
    let limit = page.limit();
    let offset = if after.is_some() { 0 } else { page.offset() };
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    // One more than is shown tells whether the list goes on.
    let mut rows = list::list(&mut conn, filter, after, i64::from(limit) + 1, offset).await?;
    let goes_on = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = rows
        .last()
        .filter(|_| goes_on)
        .map(|(_, position)| app.cursors.encode(&filter.list_name(), position));
    let pagination = match after {
        Some(_) => Pagination::by_cursor(limit, next),
        None => Pagination::numbered(page, list::count(&mut conn, filter, count_all).await?, next),
    };
    drop(conn);
    let products = rows
        .iter()
        .map(|(product, _)| view::product(product, &app.images))
        .collect();
    Ok(Loaded::new(ProductList { products, pagination }))
}

/// Every word of the query that means nothing is refused, all at once; a page that is too deep, by itself.
fn checked(query: &ListQuery, currency: Currency) -> Result<(Filter, Page), Problem> {
    let mut checks = Checks::new();
    let search = sent(&query.search)
        .and_then(|text| checks.take("/query/search", Search::parse(text)))
        .flatten();
    let category = sent(&query.category).and_then(|text| {
        // A category is named as a product is: by id, or by slug.
        match text.parse::<ProductKey>() {
            Ok(ProductKey::Slug(slug)) => Some(CategoryKey::Slug(slug)),
            Ok(ProductKey::Id(_)) | Err(_) => {
                checks.take("/query/category", text.parse().map(CategoryKey::Id))
            }
        }
    });
    let seller = sent(&query.seller).and_then(|text| checks.take("/query/seller", text.parse()));
    let mut price = |pointer: &str, text: &Option<String>| {
        sent(text)
            .and_then(|text| checks.take(pointer, Money::parse(&DecimalText::new(text), currency)))
            .map(Money::minor)
    };
    let min_price = price("/query/minPrice", &query.min_price);
    let max_price = price("/query/maxPrice", &query.max_price);
    let tags = sent(&query.tags)
        .map(|list| tags(&mut checks, list))
        .unwrap_or_default();
    let featured = flag(&mut checks, "/query/featured", &query.featured);
    let in_stock = flag(&mut checks, "/query/inStock", &query.in_stock);
    let sort = sort(&mut checks, query.sort_by.as_deref(), search.is_some());
    if sent(&query.count).is_some_and(|word| word != "exact") {
        checks.refuse("/query/count", "exact, or nothing");
    }
    let mut number = |pointer: &str, text: &Option<String>, default: i64| match sent(text) {
        None => default,
        Some(text) => checks
            .take(pointer, text.parse::<i64>().map_err(|_| "a whole number, please"))
            .unwrap_or(default),
    };
    let limit = number("/query/limit", &query.limit, i64::from(Page::DEFAULT_LIMIT));
    let number = number("/query/page", &query.page, 1);
    // By cursor, the page's number means nothing.
    let page = Page::new(if query.cursor.is_some() { 1 } else { number }, limit);
    match page {
        Err(why @ BadPage::Number) => checks.refuse("/query/page", why),
        Err(why @ BadPage::Limit) => checks.refuse("/query/limit", why),
        Err(BadPage::TooDeep) | Ok(_) => {}
    }
    checks.finish()?;
    let page = page.map_err(|why| Problem::new(code::PAGE_TOO_DEEP).detail(format!("{why}.")))?;
    let filter = Filter {
        search,
        category,
        seller,
        min_price,
        max_price,
        tags,
        featured,
        in_stock,
        sort,
    };
    Ok((filter, page))
}

/// A parameter without a value counts as absent.
fn sent(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn flag(checks: &mut Checks, pointer: &str, text: &Option<String>) -> Option<bool> {
    match sent(text)? {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => {
            checks.refuse(pointer, "true or false");
            None
        }
    }
}

fn tags(checks: &mut Checks, list: &str) -> Vec<String> {
    let tags: Vec<String> = list
        .split(',')
        .map(|tag| tag.trim().to_lowercase())
        .filter(|tag| !tag.is_empty())
        .collect();
    if tags.len() > 30 || list.chars().any(char::is_control) {
        checks.refuse("/query/tags", "at most 30 tags, by commas");
    }
    tags
}

fn sort(checks: &mut Checks, word: Option<&str>, searching: bool) -> Sort {
    let default = if searching { Sort::Relevance } else { Sort::Newest };
    match word.map(str::trim).filter(|word| !word.is_empty()) {
        None => default,
        Some(word) => match Sort::named(word) {
            Some(Sort::Relevance) | None if Sort::named(word).is_some() => default,
            Some(sort) => sort,
            None => {
                checks.refuse(
                    "/query/sortBy",
                    "one of relevance, newest, price_asc, price_desc, name, rating",
                );
                default
            }
        },
    }
}
