//! A product as the service knows it.

use time::OffsetDateTime;
use types::{CategoryId, Money, ProductId, UserId};

use super::gallery::{Gallery, Hanging};
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
    /// Its pictures.
    pub gallery: Gallery,
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
    /// Its pictures.
    pub gallery: Gallery,
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
    /// Its pictures.
    pub hanging: Hanging,
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
    ///
    /// # Errors
    /// See [`Gallery::hung`].
    pub fn apply(self, product: Product) -> Result<Product, Refusal> {
        Ok(Product {
            category_id: self.category_id.unwrap_or(product.category_id),
            name: self.name.unwrap_or(product.name),
            sku: self.sku.unwrap_or(product.sku),
            description: self.description.unwrap_or(product.description),
            price: self.price.unwrap_or(product.price),
            compare_at: self.compare_at.unwrap_or(product.compare_at),
            gallery: product.gallery.hung(self.hanging)?,
            tags: self.tags.unwrap_or(product.tags),
            featured: self.featured.unwrap_or(product.featured),
            active: self.active.unwrap_or(product.active),
            ..product
        })
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

#[cfg(test)]
mod tests {
    use types::Currency;

    use super::*;

    fn product(version: i64, available: i64) -> Product {
        Product {
            id: ProductId::new(7).unwrap(),
            seller_id: UserId::new(2).unwrap(),
            category_id: Some(CategoryId::new(1).unwrap()),
            name: "Mug".to_owned(),
            slug: "mug".to_owned(),
            sku: "MUG-01".to_owned(),
            description: "Holds tea.".to_owned(),
            price: Money::from_minor(1_800, Currency::USD),
            compare_at: Some(Money::from_minor(2_000, Currency::USD)),
            gallery: Gallery::new(
                vec!["front.jpg".to_owned()],
                [("front.jpg".to_owned(), "A mug.".to_owned())].into(),
            ),
            tags: vec!["tea".to_owned()],
            featured: false,
            active: true,
            version,
            available,
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    // CAT-7
    #[test]
    fn a_product_is_its_sellers_and_the_admins_to_change() {
        let may = |caller, admin| product(1, 5).changeable_by(UserId::new(caller).unwrap(), admin);
        assert_eq!(
            (may(2, false), may(2, true), may(3, true)),
            (Ok(()), Ok(()), Ok(()))
        );
        assert_eq!(may(3, false), Err(Refusal::NotYours));
    }

    // CAT-3
    #[test]
    fn an_etag_names_a_version_and_what_is_left_of_it() {
        assert_eq!(product(1, 5).etag(), "\"v1-5\"");
        for (if_match, whatever_is_left, as_it_is) in [
            ("\"v1-5\"", true, true),
            ("W/\"v1-5\"", true, true),
            ("\"v0-5\", \"v1-5\"", true, true),
            ("*", true, true),
            ("\"v1-4\"", true, false),
            ("\"v11-5\"", false, false),
            ("\"v2-5\", \"v0-5\"", false, false),
            ("", false, false),
        ] {
            let named = |stock_counts| product(1, 5).is_named_by(if_match, stock_counts);
            assert_eq!(named(false), whatever_is_left, "{if_match}");
            assert_eq!(named(true), as_it_is, "{if_match}, with the stock");
        }
    }

    // CAT-4
    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        assert_eq!(Patch::default().apply(product(1, 5)), Ok(product(1, 5)));
        let every = Patch {
            category_id: Some(None),
            name: Some("Cup".to_owned()),
            sku: Some("CUP-01".to_owned()),
            description: Some("Holds coffee.".to_owned()),
            price: Some(Money::from_minor(1_500, Currency::USD)),
            compare_at: Some(None),
            hanging: Hanging {
                images: Some(Vec::new()),
                ..Hanging::default()
            },
            tags: Some(vec!["coffee".to_owned()]),
            featured: Some(true),
            active: Some(false),
            stock: Some(9),
        };
        let cup = Product {
            category_id: None,
            name: "Cup".to_owned(),
            sku: "CUP-01".to_owned(),
            description: "Holds coffee.".to_owned(),
            price: Money::from_minor(1_500, Currency::USD),
            compare_at: None,
            gallery: Gallery::default(),
            tags: vec!["coffee".to_owned()],
            featured: true,
            active: false,
            ..product(1, 5)
        };
        assert_eq!(every.apply(product(1, 5)), Ok(cup));
    }

    // CAT-2
    #[test]
    fn a_text_in_a_url_is_an_id_or_a_slug_or_neither() {
        assert_eq!("7".parse(), Ok(ProductKey::Id(ProductId::new(7).unwrap())));
        assert_eq!("mug-7".parse(), Ok(ProductKey::Slug("mug-7".to_owned())));
        for text in ["", "0", "-7", "Mug", "a mug", "99999999999999999999"] {
            assert_eq!(text.parse::<ProductKey>(), Err(BadKey), "{text}");
        }
    }
}
