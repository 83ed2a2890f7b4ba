//! Lists of products: one statement for the rows, one for how many there are in all.

use sqlx::{FromRow as _, PgConnection, Postgres, QueryBuilder, Row as _};

use wire::list::{COUNTED, Total};

use super::fault;
use super::row::ProductRow;
use crate::domain::{CategoryKey, Filter, Position, Product, Search, Sort, SortKey};
use crate::error::ProductError;

/// At most `limit` products, after `after` or after skipping `offset`, each with its place in the order.
#[tracing::instrument(name = "db.products.list", skip_all)]
pub async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    after: Option<&Position>,
    limit: i64,
    offset: i64,
) -> Result<Vec<(Product, Position)>, ProductError> {
    let mut query = QueryBuilder::new(
        r#"
        select p.id, p.seller_id, p.category_id, p.name, p.slug, p.sku, p.description, p.currency, p.price_minor,
               p.compare_at_minor, p.images, p.image_alts, p.tags, p.featured, p.active, p.version,
               p.created_at, p.updated_at, s.on_hand - s.reserved as available, "#,
    );
    push_key(&mut query, filter);
    query.push(" as place");
    push_conditions(&mut query, filter);
    if let Some(Position(key, id)) = after {
        query.push(" and ");
        push_after(&mut query, filter, key, *id);
    }
    query.push(" order by ");
    if !matches!(filter.sort, Sort::Newest) {
        push_key(&mut query, filter);
        query.push(direction(filter.sort)).push(", ");
    }
    query.push("p.id").push(direction(filter.sort));
    query.push(" limit ").push_bind(limit);
    query.push(" offset ").push_bind(offset);

    let rows = query
        .build()
        .fetch_all(conn)
        .await
        .map_err(fault("list products"))?;
    rows.into_iter()
        .map(|row| {
            let place = match filter.sort {
                Sort::Newest => Ok(SortKey::Id),
                Sort::Relevance | Sort::PriceAsc | Sort::PriceDesc => {
                    row.try_get("place").map(SortKey::Number)
                }
                Sort::Name => row.try_get("place").map(SortKey::Text),
            }
            .map_err(fault("read a product's place"))?;
            let row = ProductRow::from_row(&row).map_err(fault("read a listed product"))?;
            let position = Position(place, row.id);
            Ok((Product::try_from(row)?, position))
        })
        .collect()
}

/// How many products there are; all are counted only if that is wished for, which costs as much as there are (PAG-4).
#[tracing::instrument(name = "db.products.count", skip_all)]
pub async fn count(conn: &mut PgConnection, filter: &Filter, all: bool) -> Result<Total, ProductError> {
    let mut query = QueryBuilder::new("select count(*) from (select 1");
    push_conditions(&mut query, filter);
    query
        .push(" limit ")
        .push_bind((!all).then_some(COUNTED))
        .push(") counted");
    let found = query
        .build_query_scalar()
        .fetch_one(conn)
        .await
        .map_err(fault("count products"))?;
    Ok(if all {
        Total::Exact(found)
    } else {
        Total::up_to_counted(found)
    })
}

fn push_conditions(query: &mut QueryBuilder<Postgres>, filter: &Filter) {
    query
        .push(" from products p join stock s on s.product_id = p.id where p.active and p.deleted_at is null");
    if let Some(search) = &filter.search {
        query.push(" and (p.words @@ ");
        push_words(query, search);
        query
            .push(" or lower(p.sku) = lower(")
            .push_bind(search.text.clone())
            .push("))");
    }
    if let Some(category) = &filter.category {
        query.push(
            " and p.category_id in (with recursive tree as (select c.id, 1 as depth from categories c where ",
        );
        match category {
            CategoryKey::Id(id) => query.push("c.id = ").push_bind(id.get()),
            CategoryKey::Slug(slug) => query.push("c.slug = ").push_bind(slug.clone()),
        };
        query.push(
            " union all select c.id, t.depth + 1 from tree t join categories c on c.parent_id = t.id \
             where t.depth < 20) select id from tree)",
        );
    }
    if let Some(seller) = filter.seller {
        query.push(" and p.seller_id = ").push_bind(seller.get());
    }
    if let Some(minor) = filter.min_price {
        query.push(" and p.price_minor >= ").push_bind(minor);
    }
    if let Some(minor) = filter.max_price {
        query.push(" and p.price_minor <= ").push_bind(minor);
    }
    if !filter.tags.is_empty() {
        query.push(" and p.tags && ").push_bind(filter.tags.clone());
    }
    if let Some(featured) = filter.featured {
        query.push(" and p.featured = ").push_bind(featured);
    }
    if let Some(in_stock) = filter.in_stock {
        query.push(" and (s.on_hand > s.reserved) = ").push_bind(in_stock);
    }
}

/// What the words of a product are compared with: all words stemmed, or all as they stand, or the last one as the
/// beginning of a word.
fn push_words(query: &mut QueryBuilder<Postgres>, search: &Search) {
    query
        .push("(websearch_to_tsquery('pg_catalog.english', ")
        .push_bind(search.text.clone())
        .push(")");
    if let Some(prefix) = &search.prefix {
        query
            .push(" || websearch_to_tsquery('pg_catalog.simple', ")
            .push_bind(search.text.clone())
            .push(")");
        query
            .push(" || to_tsquery('pg_catalog.english', ")
            .push_bind(prefix.clone())
            .push(")");
        query
            .push(" || to_tsquery('pg_catalog.simple', ")
            .push_bind(prefix.clone())
            .push(")");
    }
    query.push(")");
}

/// What a product's place is made of besides its id. A relevance is a whole number: the exact SKU above all, then a
/// millionth of the rank (SRCH-1).
fn push_key(query: &mut QueryBuilder<Postgres>, filter: &Filter) {
    match (filter.sort, &filter.search) {
        (Sort::Relevance, Some(search)) => {
            query
                .push("(case when lower(p.sku) = lower(")
                .push_bind(search.text.clone());
            query.push(") then 1000000000 else 0 end + (ts_rank(p.words, ");
            push_words(query, search);
            query.push(") * 1000000)::bigint)");
        }
        (Sort::Relevance, None) | (Sort::Newest, _) => {
            query.push("0::bigint");
        }
        (Sort::PriceAsc | Sort::PriceDesc, _) => {
            query.push("p.price_minor");
        }
        (Sort::Name, _) => {
            query.push("lower(p.name)");
        }
    }
}

fn push_after(query: &mut QueryBuilder<Postgres>, filter: &Filter, key: &SortKey, id: i64) {
    let beyond = match filter.sort {
        Sort::PriceAsc | Sort::Name => " > ",
        Sort::Relevance | Sort::Newest | Sort::PriceDesc => " < ",
    };
    if matches!(key, SortKey::Id) {
        query.push("p.id").push(beyond).push_bind(id);
        return;
    }
    query.push("(");
    push_key(query, filter);
    query.push(", p.id)").push(beyond).push("(");
    match key {
        SortKey::Number(number) => query.push_bind(*number),
        SortKey::Text(text) => query.push_bind(text.clone()),
        SortKey::Id => query.push("0"),
    };
    query.push(", ").push_bind(id).push(")");
}

fn direction(sort: Sort) -> &'static str {
    match sort {
        Sort::PriceAsc | Sort::Name => " asc",
        Sort::Relevance | Sort::Newest | Sort::PriceDesc => " desc",
    }
}
