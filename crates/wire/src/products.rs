//! Products, their stock and their categories, as clients see them.

use serde::{Deserialize, Deserializer, Serialize};
use types::{CategoryId, DecimalText, ProductId, UserId};
use utoipa::ToSchema;

use crate::list::Pagination;

/// A product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// Its name.
    pub name: String,
    /// Its name in URLs: unique, and always with a letter in it.
    pub slug: String,
    /// What it is, in a few sentences.
    pub description: String,
    /// What it costs, such as `1999.99`.
    pub price: String,
    /// What it cost before, to show beside the price.
    pub compare_at_price: Option<String>,
    /// ISO 4217 code of both prices.
    pub currency: String,
    /// How many can be bought now.
    pub stock_quantity: i64,
    /// Its category.
    pub category_id: Option<CategoryId>,
    /// Who sells it.
    pub seller_id: UserId,
    /// Addresses of its pictures, the first one first.
    pub images: Vec<String>,
    /// What each of `images` shows, for those who cannot see it, in the same order; empty where nobody has said.
    #[serde(default)]
    pub image_alts: Vec<String>,
    /// The primary picture, which lists show: the first one.
    pub image_url: Option<String>,
    /// The files of those of its pictures that were uploaded here, in the same order.
    #[serde(default)]
    pub pictures: Vec<Picture>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What its seller calls it: unique, without regard to case.
    pub sku: String,
    /// Whether the shop puts it in the window.
    pub featured: bool,
    /// Whether it is on sale.
    pub active: bool,
    /// When it was made.
    pub created_at: String,
    /// When it last changed; sales do not count.
    pub updated_at: String,
}

/// A list of products.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ProductList {
    /// The products.
    pub products: Vec<Product>,
    /// Where this page stands.
    pub pagination: Pagination,
}

/// A product to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateProduct {
    /// 1 to 200 characters; its slug is made from it.
    pub name: String,
    /// In major units, as a number or a string; read exactly.
    #[schema(value_type = String, example = "19.99")]
    pub price: DecimalText,
    /// At most 20,000 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// How many can be bought; none if absent.
    #[serde(default, alias = "stockQuantity", alias = "stock_quantity")]
    pub stock: Option<i64>,
    /// Its category.
    #[serde(default, alias = "category_id")]
    pub category_id: Option<i64>,
    /// Its SKU; made if absent.
    #[serde(default)]
    pub sku: Option<String>,
    /// What it cost before.
    #[serde(default, alias = "compare_at_price")]
    #[schema(value_type = Option<String>, example = "24.99")]
    pub compare_at_price: Option<DecimalText>,
    /// At most 30 words.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// Addresses of pictures, at most 20.
    #[serde(default)]
    pub images: Option<Vec<String>>,
    /// The picture that comes first.
    #[serde(default, alias = "image_url")]
    pub image_url: Option<String>,
    /// What each of `images` shows, in the order in which they are sent; at most 300 characters each. Without `images`, what
    /// `imageUrl` shows.
    #[serde(default, alias = "image_alts")]
    pub image_alts: Option<Vec<String>>,
    /// Whether it goes into the window; not if absent.
    #[serde(default)]
    pub featured: Option<bool>,
    /// Whether it is on sale at once; so if absent.
    #[serde(default)]
    pub active: Option<bool>,
}

/// What to change of a product. What is absent stays; null empties what may be empty.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateProduct {
    /// 1 to 200 characters; the slug stays.
    #[serde(default)]
    pub name: Option<String>,
    /// In major units, as a number or a string; read exactly.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "19.99")]
    pub price: Option<DecimalText>,
    /// At most 20,000 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// How many can be bought from now on, besides those that orders hold.
    #[serde(default, alias = "stockQuantity", alias = "stock_quantity")]
    pub stock: Option<i64>,
    /// Its category; null for none.
    #[serde(default, alias = "category_id", deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>)]
    pub category_id: Option<Option<i64>>,
    /// Its SKU.
    #[serde(default)]
    pub sku: Option<String>,
    /// What it cost before; null for nothing.
    #[serde(default, alias = "compare_at_price", deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, example = "24.99")]
    pub compare_at_price: Option<Option<DecimalText>>,
    /// At most 30 words.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// Addresses of pictures, at most 20. A picture that stays keeps its text.
    #[serde(default)]
    pub images: Option<Vec<String>>,
    /// The picture that comes first. Without `images`, one that the product has is moved there, and another one replaces
    /// them all.
    #[serde(default, alias = "image_url")]
    pub image_url: Option<String>,
    /// What each of `images` shows, in the order in which they are sent; without `images`, each picture in the order that
    /// they have then. At most 300 characters each, and an empty one removes the text. Those beyond the end of the list stay
    /// as they are.
    #[serde(default, alias = "image_alts")]
    pub image_alts: Option<Vec<String>>,
    /// Whether it is in the window.
    #[serde(default)]
    pub featured: Option<bool>,
    /// Whether it is on sale.
    #[serde(default)]
    pub active: Option<bool>,
}

/// Corrects what is on the shelf.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdjustStock {
    /// How many there are, those that orders hold included.
    #[serde(alias = "on_hand")]
    pub on_hand: i64,
    /// How many there were when it was counted; refused if that has changed.
    #[serde(alias = "expected_on_hand")]
    pub expected_on_hand: i64,
    /// Why, in a few words; kept in the ledger.
    pub reason: String,
}

/// What is on the shelf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stock {
    /// The product.
    pub product_id: ProductId,
    /// How many there are.
    pub on_hand: i64,
    /// How many of them orders hold.
    pub reserved: i64,
    /// How many can be bought now.
    pub stock_quantity: i64,
}

/// The form of an upload.
#[derive(Debug, ToSchema)]
pub struct UploadForm {
    /// The file: a JPEG, PNG or WebP.
    #[schema(value_type = String, format = Binary)]
    pub image: Vec<u8>,
    /// What it shows, for those who cannot see it; at most 300 characters.
    pub alt: Option<String>,
    /// Whether it becomes the primary picture; not if absent.
    pub primary: Option<bool>,
}

/// A stored picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadedImage {
    /// Where it is shown: the JPEG in its largest size.
    pub image_url: String,
    /// That file's name: a hash of what the picture holds, and a size.
    pub image: String,
    /// All its files.
    pub picture: Picture,
    /// Width of the largest size, in pixels.
    pub width: u32,
    /// Height of the largest size, in pixels.
    pub height: u32,
}

/// An uploaded picture. It keeps its proportions, and is never larger than what was uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Picture {
    /// What it shows, for those who cannot see it; empty where nobody has said.
    #[serde(default)]
    pub alt: String,
    /// Whether it is the one that lists show.
    #[serde(default)]
    pub primary: bool,
    /// At most 240 pixels wide and high.
    pub thumb: PictureFiles,
    /// At most 800 pixels wide and high.
    pub card: PictureFiles,
    /// At most 2,048 pixels wide and high.
    pub full: PictureFiles,
}

/// Addresses of one size of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PictureFiles {
    /// The smaller file.
    pub webp: String,
    /// For what cannot show WebP; transparent parts are white.
    pub jpeg: String,
}

/// A category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Category {
    /// Its id.
    pub id: CategoryId,
    /// Its name.
    pub name: String,
    /// Its name in URLs.
    pub slug: String,
    /// What belongs there.
    pub description: String,
    /// The category that it is in; null at the top.
    pub parent_id: Option<CategoryId>,
}

/// A category to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateCategory {
    /// 1 to 100 characters; its slug is made from it.
    pub name: String,
    /// What belongs there, at most 2,000 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// The category that it is in.
    #[serde(default, alias = "parent_id")]
    pub parent_id: Option<i64>,
}

/// What to change of a category. What is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateCategory {
    /// 1 to 100 characters; the slug stays.
    #[serde(default)]
    pub name: Option<String>,
    /// At most 2,000 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// The category that it is in; null for the top.
    #[serde(default, alias = "parent_id", deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>)]
    pub parent_id: Option<Option<i64>>,
}

/// Tells null (`Some(None)`) from absent (`None`).
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}
