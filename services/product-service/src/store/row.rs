//! How rows become products.

use std::collections::BTreeMap;

use sqlx::types::Json;
use time::OffsetDateTime;
use types::{CategoryId, Currency, Money, ProductId, UserId};

use crate::domain::{Gallery, Product};
use crate::error::ProductError;

/// A row of `products` with its stock.
#[derive(sqlx::FromRow)]
pub(crate) struct ProductRow {
    pub id: i64,
    pub seller_id: i64,
    pub category_id: Option<i64>,
    pub name: String,
    pub slug: String,
    pub sku: String,
    pub description: String,
    pub currency: String,
    pub price_minor: i64,
    pub compare_at_minor: Option<i64>,
    pub images: Vec<String>,
    pub image_alts: Json<BTreeMap<String, String>>,
    pub tags: Vec<String>,
    pub featured: bool,
    pub active: bool,
    pub version: i64,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
    pub available: i64,
}

impl TryFrom<ProductRow> for Product {
    type Error = ProductError;

    /// What the database holds was checked when it was written; a value that cannot be read is a fault.
    fn try_from(row: ProductRow) -> Result<Self, ProductError> {
        let currency = Currency::parse(&row.currency).map_err(|_| ProductError::Corrupt("currency"))?;
        let id = |_| ProductError::Corrupt("id");
        Ok(Self {
            id: ProductId::new(row.id).map_err(id)?,
            seller_id: UserId::new(row.seller_id).map_err(id)?,
            category_id: row.category_id.map(CategoryId::new).transpose().map_err(id)?,
            name: row.name,
            slug: row.slug,
            sku: row.sku,
            description: row.description,
            price: Money::from_minor(row.price_minor, currency),
            compare_at: row
                .compare_at_minor
                .map(|minor| Money::from_minor(minor, currency)),
            gallery: Gallery::new(row.images, row.image_alts.0),
            tags: row.tags,
            featured: row.featured,
            active: row.active,
            version: row.version,
            available: row.available,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
