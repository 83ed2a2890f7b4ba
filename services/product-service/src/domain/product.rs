//! A product as the service knows it.

use time::OffsetDateTime;
use types::{CategoryId, Money, ProductId, UserId};

use super::refusal::Refusal;
use super::slug;

/// The most units that a write may put on the shelf.
pub const MAX_STOCK: i64 = 1_000_000_000;

/// A product with what can be bought of it now.
#[derive(Clone, Debug, PartialEq)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// Who sells it.
    pub seller_id: UserId,
    /// Its category.
    pub category_id: Option<CategoryId>,
    /// Its name.
    pub name: String,
    /// Its name in URLs.
    pub slug: String,
    /// What its seller calls it.
    pub sku: String,
    /// What it is.
    pub description: String,
    /// What it costs.
    pub price: Money,
    /// What it cost before.
    pub compare_at: Option<Money>,
    /// Ids of pictures of ours, or addresses elsewhere.
    pub images: Vec<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whether it is in the window.
    pub featured: bool,
    /// Whether it is on sale.
    pub active: bool,
    /// Counts its changes; sales are none.
    pub version: i64,
    /// How many can be bought now.
    pub available: i64,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

impl Product {
    /// Refuses whoever may not change it: it is its seller's and the admins'.
    pub fn changeable_by(&self, caller: UserId, admin: bool) -> Result<(), Refusal> {
        if admin || self.seller_id == caller {
            Ok(())
        } else {
            Err(Refusal::NotYours)
        }
    }

    /// Its ETag: changes with every write and every sale.
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{}\"", self.tag(Some(self.available)))
    }

    /// Whether an `If-Match` list names this product as it is. Orders move the stock all the time; unless the stock
    /// is to be written too, they do not stand in the way of a change of something else.
    #[must_use]
    pub fn is_named_by(&self, if_match: &str, stock_counts: bool) -> bool {
        let (whole, own) = (self.tag(Some(self.available)), self.tag(None));
        if_match.split(',').map(str::trim).any(|tag| {
            let tag = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
            tag == "*" || tag == whole || (!stock_counts && tag.starts_with(&own))
        })
    }

    fn tag(&self, available: Option<i64>) -> String {
        let available = available.map(|n| n.to_string()).unwrap_or_default();
        format!("v{}-{available}", self.version)
    }
}

/// A product that is about to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct NewProduct {
    /// Who sells it.
    pub seller_id: UserId,
    /// Its category.
    pub category_id: Option<CategoryId>,
    /// Its name.
    pub name: String,
    /// Its name in URLs, without the suffix that a clash may add.
    pub slug: String,
    /// What its seller calls it.
    pub sku: String,
    /// What it is.
    pub description: String,
    /// What it costs.
    pub price: Money,
    /// What it cost before.
    pub compare_at: Option<Money>,
    /// Ids of pictures of ours, or addresses elsewhere.
    pub images: Vec<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whether it is in the window.
    pub featured: bool,
    /// Whether it is on sale.
    pub active: bool,
    /// How many are on the shelf.
    pub stock: i64,
}

/// What to change of a product. Only what is named here ever changes (CAT-4).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// Its category.
    pub category_id: Option<Option<CategoryId>>,
    /// Its name.
    pub name: Option<String>,
    /// What its seller calls it.
    pub sku: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// What it costs.
    pub price: Option<Money>,
    /// What it cost before.
    pub compare_at: Option<Option<Money>>,
    /// Ids of pictures of ours, or addresses elsewhere.
    pub images: Option<Vec<String>>,
    /// Words to find it by.
    pub tags: Option<Vec<String>>,
    /// Whether it is in the window.
    pub featured: Option<bool>,
    /// Whether it is on sale.
    pub active: Option<bool>,
    /// How many can be bought.
    pub stock: Option<i64>,
}

impl Patch {
    /// The product as this leaves it; the stock is moved apart.
    #[must_use]
    pub fn apply(self, product: Product) -> Product {
        Product {
            category_id: self.category_id.unwrap_or(product.category_id),
            name: self.name.unwrap_or(product.name),
            sku: self.sku.unwrap_or(product.sku),
            description: self.description.unwrap_or(product.description),
            price: self.price.unwrap_or(product.price),
            compare_at: self.compare_at.unwrap_or(product.compare_at),
            images: self.images.unwrap_or(product.images),
            tags: self.tags.unwrap_or(product.tags),
            featured: self.featured.unwrap_or(product.featured),
            active: self.active.unwrap_or(product.active),
            ..product
        }
    }
}

/// How a URL names a product or a category: by id, or by slug, which always holds a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ProductKey {
    /// By id.
    Id(ProductId),
    /// By slug.
    Slug(String),
}

/// A text that is neither an id nor a slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither an id nor a slug")]
pub struct BadKey;

impl std::str::FromStr for ProductKey {
    type Err = BadKey;
    fn from_str(text: &str) -> Result<Self, BadKey> {
        match text.parse() {
            Ok(id) => Ok(Self::Id(id)),
            Err(_) if slug::is_one(text) => Ok(Self::Slug(text.to_owned())),
            Err(_) => Err(BadKey),
        }
    }
}
