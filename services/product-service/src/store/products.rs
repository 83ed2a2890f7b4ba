//! Products, one at a time.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use types::{Actor, CategoryId, ProductId, UserId};

use super::fault;
use super::reservations::request_id;
use super::row::ProductRow;
use super::shelf::actor_text;
use crate::domain::{NewProduct, Product, ProductKey, Refusal};
use crate::error::ProductError;

/// The product on sale that is called so.
#[tracing::instrument(name = "db.products.find", skip_all)]
pub async fn find(conn: &mut PgConnection, key: &ProductKey) -> Result<Option<Product>, ProductError> {
    let (id, slug) = match key {
        ProductKey::Id(id) => (Some(id.get()), None),
        ProductKey::Slug(slug) => (None, Some(slug.as_str())),
    };
    sqlx::query_as!(
        ProductRow,
        r#"
        select p.id, p.seller_id, p.category_id, p.name, p.slug, p.sku, p.description, p.currency, p.price_minor,
               p.compare_at_minor, p.images, p.image_alts as "image_alts: Json<BTreeMap<String, String>>", p.tags,
               p.featured, p.active, p.version, p.created_at, p.updated_at, s.on_hand - s.reserved as "available!"
          from products p
          join stock s on s.product_id = p.id
         where (p.id = $1 or p.slug = $2) and p.active and p.deleted_at is null
        "#,
        id,
        slug,
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("read a product"))?
    .map(Product::try_from)
    .transpose()
}

/// The product, on sale or not, locked against other writers until the transaction ends. Orders do not wait for it.
#[tracing::instrument(name = "db.products.lock", skip_all, fields(product.id = %id))]
pub async fn lock(conn: &mut PgConnection, id: ProductId) -> Result<Product, ProductError> {
    sqlx::query_as!(
        ProductRow,
        r#"
        select p.id, p.seller_id, p.category_id, p.name, p.slug, p.sku, p.description, p.currency, p.price_minor,
               p.compare_at_minor, p.images, p.image_alts as "image_alts: Json<BTreeMap<String, String>>", p.tags,
               p.featured, p.active, p.version, p.created_at, p.updated_at, s.on_hand - s.reserved as "available!"
          from products p
          join stock s on s.product_id = p.id
         where p.id = $1 and p.deleted_at is null
           for no key update of p
        "#,
        id.get(),
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("lock a product"))?
    .ok_or(Refusal::NoProduct)?
    .try_into()
}

/// [`lock`], with its stock locked too: nobody buys of it, and how many can be bought is what whoever changed it last left.
#[tracing::instrument(name = "db.products.lock_with_stock", skip_all, fields(product.id = %id))]
pub async fn lock_with_stock(conn: &mut PgConnection, id: ProductId) -> Result<Product, ProductError> {
    let product = lock(conn, id).await?;
    // A statement of its own: `lock` may have waited, and saw the stock as it was before.
    let available = sqlx::query_scalar!(
        r#"select on_hand - reserved as "available!" from stock where product_id = $1 for update"#,
        id.get(),
    )
    .fetch_one(conn)
    .await
    .map_err(fault("lock a product's stock"))?;
    Ok(Product { available, ..product })
}

/// Writes a new product with its stock and the first line of its ledger. None if the slug is taken.
#[tracing::instrument(name = "db.products.insert", skip_all)]
pub async fn insert(
    conn: &mut PgConnection,
    product: &NewProduct,
    slug: &str,
    actor: Actor,
    at: OffsetDateTime,
) -> Result<Option<ProductId>, ProductError> {
    let id = sqlx::query_scalar!(
        r#"
        with made as (
            insert into products (seller_id, category_id, name, slug, sku, description, currency, price_minor,
                                  compare_at_minor, images, image_alts, tags, featured, active, created_at, updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $18, $11, $12, $13, $14, $14)
                on conflict on constraint products_slug_key do nothing
            returning id
        ), shelved as (
            insert into stock (product_id, on_hand) select id, $15 from made
        ), noted as (
            insert into stock_ledger (product_id, delta_on_hand, delta_reserved, reason, actor, request_id, at)
            select id, $15, 0, 'opening', $16, $17, $14 from made
        )
        select id from made
        "#,
        product.seller_id.get(),
        product.category_id.map(CategoryId::get),
        product.name,
        slug,
        product.sku,
        product.description,
        product.price.currency().code(),
        product.price.minor(),
        product.compare_at.map(types::Money::minor),
        product.gallery.images(),
        &product.tags,
        product.featured,
        product.active,
        at,
        product.stock,
        actor_text(actor),
        request_id(),
        Json(product.gallery.alts()) as _,
    )
    .fetch_optional(conn)
    .await
    .map_err(|error| refused(error, &product.sku))?;
    id.map(|id| ProductId::new(id).map_err(|_| ProductError::Corrupt("id")))
        .transpose()
}

/// The next free slug of the form `base-2`, `base-3` …, for the end of this transaction: others that ask for the same
/// base wait until then (CAT-2).
#[tracing::instrument(name = "db.products.next_slug", skip_all)]
pub async fn next_slug(conn: &mut PgConnection, base: &str) -> Result<String, ProductError> {
    sqlx::query_scalar!("select pg_advisory_xact_lock(hashtextextended($1, 7))", base)
        .execute(&mut *conn)
        .await
        .map_err(fault("wait for a slug"))?;
    let next = sqlx::query_scalar!(
        r#"
        select coalesce(max(substring(slug from length($1) + 2)::bigint), 1) + 1 as "next!"
          from products
         where slug like $1 || '-%' and substring(slug from length($1) + 2) ~ '^[0-9]{1,9}$'
        "#,
        base,
    )
    .fetch_one(conn)
    .await
    .map_err(fault("look for a slug"))?;
    Ok(format!("{base}-{next}"))
}

/// Writes the fields of `product` that a write may change. The caller holds its lock.
#[tracing::instrument(name = "db.products.save", skip_all, fields(product.id = %product.id))]
pub async fn save(
    conn: &mut PgConnection,
    product: &Product,
    at: OffsetDateTime,
) -> Result<(), ProductError> {
    sqlx::query!(
        r#"
        update products
           set category_id = $2, name = $3, sku = $4, description = $5, price_minor = $6, compare_at_minor = $7,
               images = $8, tags = $9, featured = $10, active = $11, version = version + 1, updated_at = $12,
               image_alts = $13
         where id = $1
        "#,
        product.id.get(),
        product.category_id.map(CategoryId::get),
        product.name,
        product.sku,
        product.description,
        product.price.minor(),
        product.compare_at.map(types::Money::minor),
        product.gallery.images(),
        &product.tags,
        product.featured,
        product.active,
        at,
        Json(product.gallery.alts()) as _,
    )
    .execute(conn)
    .await
    .map_err(|error| refused(error, &product.sku))?;
    Ok(())
}

/// Takes the product out of the catalogue. Nothing is freed: neither its slug nor its SKU nor what orders hold (CAT-5).
#[tracing::instrument(name = "db.products.delete", skip_all, fields(product.id = %id))]
pub async fn delete(conn: &mut PgConnection, id: ProductId, at: OffsetDateTime) -> Result<(), ProductError> {
    sqlx::query!(
        "update products set deleted_at = $2, updated_at = $2, version = version + 1 where id = $1",
        id.get(),
        at,
    )
    .execute(conn)
    .await
    .map_err(fault("delete a product"))?;
    Ok(())
}

/// What those who sell need to know of a product.
#[derive(Clone, Debug)]
pub struct Quoted {
    /// The product.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its SKU.
    pub sku: String,
    /// Its seller.
    pub seller_id: i64,
    /// Its price in minor units.
    pub price_minor: i64,
    /// The price's currency.
    pub currency: String,
    /// Its first picture.
    pub image: Option<String>,
}

/// Those of `ids` that can be ordered now (ORD-5). Whether they can is asked of the rows that were found: while the table's
/// statistics are older than an import, an index of all that is for sale would look like the shorter way.
#[tracing::instrument(name = "db.products.quote", skip_all)]
pub async fn quote(conn: &mut PgConnection, ids: &[i64]) -> Result<Vec<Quoted>, ProductError> {
    sqlx::query_as!(
        Quoted,
        r#"
        with named as materialized (
            select id, name, sku, seller_id, price_minor, currency, images[1] as image,
                   active and deleted_at is null as for_sale
              from products
             where id = any($1)
        )
        select id as "id!", name as "name!", sku as "sku!", seller_id as "seller_id!", price_minor as "price_minor!",
               currency as "currency!", image
          from named
         where for_sale
         order by id
        "#,
        ids,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("quote products"))
}

/// A product without a picture, as it was loaded.
#[derive(Clone, Debug)]
pub struct Bare {
    /// The product.
    pub id: i64,
    /// Its name in URLs.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: i64,
}

/// Those of the products called `slugs` that have no picture and that nobody has changed.
#[tracing::instrument(name = "db.products.bare", skip_all)]
pub async fn bare(conn: &mut PgConnection, slugs: &[String]) -> Result<Vec<Bare>, ProductError> {
    sqlx::query_as!(
        Bare,
        r#"
        select id, slug, name, version
          from products
         where slug = any($1) and images = '{}' and version = 1 and deleted_at is null
         order by id
        "#,
        slugs,
    )
    .fetch_all(conn)
    .await
    .map_err(fault("list products without a picture"))
}

/// The seller of a product that is there, on sale or not.
#[tracing::instrument(name = "db.products.seller_of", skip_all, fields(product.id = %id))]
pub async fn seller_of(conn: &mut PgConnection, id: ProductId) -> Result<UserId, ProductError> {
    let seller = sqlx::query_scalar!(
        "select seller_id from products where id = $1 and deleted_at is null",
        id.get(),
    )
    .fetch_optional(conn)
    .await
    .map_err(fault("read a product's seller"))?
    .ok_or(Refusal::NoProduct)?;
    UserId::new(seller).map_err(|_| ProductError::Corrupt("seller"))
}

fn refused(error: sqlx::Error, sku: &str) -> ProductError {
    match pg::constraint_of(&error) {
        Some("products_sku_key") => Refusal::SkuTaken(sku.to_owned()).into(),
        Some("products_category_fkey") => Refusal::invalid("/categoryId", "there is no such category").into(),
        _ => fault("write a product")(error),
    }
}
