//! Fills the catalogue from a file.

use serde::Deserialize;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use types::{BadAmount, Clock, Currency, DecimalText, Money, UserId};

use crate::domain::PictureId;
use crate::error::ProductError;
use crate::store::fault;

/// Products written by one statement.
const BATCH: usize = 500;

/// A catalogue in a file.
#[derive(Clone, Debug, Deserialize)]
pub struct Catalogue {
    /// Parents before their children.
    pub categories: Vec<CatalogueCategory>,
    /// In any order.
    pub products: Vec<CatalogueProduct>,
}

/// A category in a file.
#[derive(Clone, Debug, Deserialize)]
pub struct CatalogueCategory {
    /// Its name in URLs; one that is there already is left alone.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The slug of the category that it is in.
    #[serde(default)]
    pub parent: Option<String>,
    /// What belongs there.
    #[serde(default)]
    pub description: String,
}

/// A product in a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogueProduct {
    /// Its name in URLs; one that is there already is left alone.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The slug of its category.
    #[serde(default)]
    pub category: Option<String>,
    /// What its seller calls it.
    pub sku: String,
    /// In major units.
    pub price: DecimalText,
    /// What it cost before, in major units.
    #[serde(default)]
    pub compare_at_price: Option<DecimalText>,
    /// How many there are.
    #[serde(default)]
    pub stock: u32,
    /// What it is.
    #[serde(default)]
    pub description: String,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether it is in the window.
    #[serde(default)]
    pub featured: bool,
    /// Addresses, or ids of pictures in the storage; others are left out.
    #[serde(default)]
    pub images: Vec<String>,
}

/// What was written; what was there already does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// New categories.
    pub categories: u64,
    /// New products.
    pub products: u64,
}

/// Why the catalogue could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A price is no amount of the shop's currency.
    #[error("the price of {slug} cannot be read: {source}")]
    Price {
        /// The product.
        slug: String,
        /// What is wrong with it.
        source: BadAmount,
    },
    /// The database failed; nothing was written.
    #[error("the catalogue could not be written")]
    Store(#[from] ProductError),
}

/// Writes what is not there yet of `catalogue`, all or nothing, as products of `seller`. `progress` is told how many of
/// how many products are done. Slugs and SKUs that exist are left alone, so that it may run again.
///
/// # Errors
/// See [`LoadError`].
pub async fn load_catalogue(
    pool: &PgPool,
    clock: &dyn Clock,
    currency: Currency,
    seller: UserId,
    catalogue: &Catalogue,
    progress: impl Fn(usize, usize) + Send,
) -> Result<Loaded, LoadError> {
    let now = clock.now();
    let mut tx = pg::begin(pool).await.map_err(fault("begin a transaction"))?;
    let mut loaded = Loaded::default();
    let mut rest: Vec<&CatalogueCategory> = catalogue.categories.iter().collect();
    // A level of the tree at a time: a parent is there before its children.
    let mut parents: Vec<Option<&str>> = vec![None];
    while !rest.is_empty() && !parents.is_empty() {
        let (level, deeper): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|c| parents.contains(&c.parent.as_deref()));
        loaded.categories += categories(&mut tx, &level, now).await?;
        parents = level.iter().map(|c| Some(c.slug.as_str())).collect();
        rest = deeper;
    }
    let total = catalogue.products.len();
    for (i, batch) in catalogue.products.chunks(BATCH).enumerate() {
        loaded.products += products(&mut tx, batch, currency, seller, now).await?;
        progress((i * BATCH + batch.len()).min(total), total);
    }
    tx.commit().await.map_err(fault("commit the catalogue"))?;
    Ok(loaded)
}

async fn categories(
    conn: &mut PgConnection,
    level: &[&CatalogueCategory],
    now: OffsetDateTime,
) -> Result<u64, ProductError> {
    let slugs: Vec<String> = level.iter().map(|c| c.slug.clone()).collect();
    let names: Vec<String> = level.iter().map(|c| c.name.clone()).collect();
    let descriptions: Vec<String> = level.iter().map(|c| c.description.clone()).collect();
    let parents: Vec<String> = level
        .iter()
        .map(|c| c.parent.clone().unwrap_or_default())
        .collect();
    let written = sqlx::query!(
        r#"
        insert into categories (parent_id, name, slug, description, created_at, updated_at)
        select p.id, c.name, c.slug, c.description, $5, $5
          from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as c (slug, name, description, parent)
          left join categories p on p.slug = c.parent
            on conflict on constraint categories_slug_key do nothing
        "#,
        &slugs,
        &names,
        &descriptions,
        &parents,
        now,
    )
    .execute(conn)
    .await
    .map_err(fault("write categories"))?;
    Ok(written.rows_affected())
}

async fn products(
    conn: &mut PgConnection,
    batch: &[CatalogueProduct],
    currency: Currency,
    seller: UserId,
    now: OffsetDateTime,
) -> Result<u64, LoadError> {
    let minor = |product: &CatalogueProduct, text: &DecimalText| {
        Money::parse(text, currency)
            .map(Money::minor)
            .map_err(|source| LoadError::Price {
                slug: product.slug.clone(),
                source,
            })
    };
    let prices = batch
        .iter()
        .map(|p| minor(p, &p.price))
        .collect::<Result<Vec<i64>, _>>()?;
    let compare_at = batch
        .iter()
        .map(|p| p.compare_at_price.as_ref().map_or(Ok(-1), |text| minor(p, text)))
        .collect::<Result<Vec<i64>, _>>()?;
    let column = |of: fn(&CatalogueProduct) -> &str| -> Vec<String> {
        batch.iter().map(|p| of(p).to_owned()).collect()
    };
    let stocks: Vec<i64> = batch.iter().map(|p| i64::from(p.stock)).collect();
    let featured: Vec<bool> = batch.iter().map(|p| p.featured).collect();
    // Arrays of arrays must be rectangular in Postgres: lists travel as JSON.
    let tags: Vec<serde_json::Value> = batch.iter().map(|p| serde_json::json!(p.tags)).collect();
    let images: Vec<serde_json::Value> = batch
        .iter()
        .map(|p| serde_json::json!(shown(&p.images)))
        .collect();
    let written = sqlx::query_scalar!(
        r#"
        with made as (
            insert into products (seller_id, category_id, name, slug, sku, description, currency, price_minor,
                                  compare_at_minor, images, tags, featured, created_at, updated_at)
            select $1, c.id, p.name, p.slug, p.sku, p.description, $2, p.price, nullif(p.compare_at, -1),
                   array(select jsonb_array_elements_text(p.images)), array(select jsonb_array_elements_text(p.tags)),
                   p.featured, $13, $13
              from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[],
                          $10::boolean[], $11::jsonb[], $12::jsonb[], $14::bigint[]) with ordinality
                   as p (name, slug, sku, description, category, price, compare_at, featured, tags, images, stock,
                         position)
              left join categories c on c.slug = p.category
             order by p.position
                on conflict do nothing
            returning id, slug
        ), shelved as (
            insert into stock (product_id, on_hand)
            select m.id, s.stock from made m join unnest($4::text[], $14::bigint[]) as s (slug, stock) using (slug)
            returning product_id, on_hand
        ), noted as (
            insert into stock_ledger (product_id, delta_on_hand, delta_reserved, reason, actor, at)
            select product_id, on_hand, 0, 'opening', 'system', $13 from shelved
        )
        select count(*) as "count!" from made
        "#,
        seller.get(),
        currency.code(),
        &column(|p| &p.name),
        &column(|p| &p.slug),
        &column(|p| &p.sku),
        &column(|p| &p.description),
        &column(|p| p.category.as_deref().unwrap_or_default()),
        &prices,
        &compare_at,
        &featured,
        &tags,
        &images,
        now,
        &stocks,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("write products"))?;
    Ok(u64::try_from(written).unwrap_or_default())
}

/// Pictures that can be shown: addresses, and our own.
fn shown(images: &[String]) -> Vec<&String> {
    let shows = |image: &&String| image.starts_with("http") || PictureId::parse(image).is_some();
    images.iter().filter(shows).collect()
}
