//! Products and categories as clients see them.

use serde::{Deserialize, Serialize};
use types::rfc3339;
use wire::products as wire_products;

use crate::domain::{Category, Format, Gallery, PictureId, Product, Size};
use crate::images::Images;

/// How long a browser or a gateway may show a list or a product without asking again (STK-13).
pub(crate) const CACHE_CONTROL: &str = "public, max-age=1, must-revalidate";

/// A product as it is cached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shown {
    pub(crate) etag: String,
    pub(crate) product: wire_products::Product,
}

impl Shown {
    pub(crate) fn of(found: &Product, images: &Images) -> Self {
        Self {
            etag: found.etag(),
            product: product(found, images),
        }
    }
}

/// A product, on the wire.
pub(crate) fn product(product: &Product, images: &Images) -> wire_products::Product {
    let gallery = &product.gallery;
    let urls: Vec<String> = gallery.images().iter().map(|image| images.url(image)).collect();
    wire_products::Product {
        id: product.id,
        name: product.name.clone(),
        slug: product.slug.clone(),
        description: product.description.clone(),
        price: product.price.to_string(),
        compare_at_price: product.compare_at.map(|money| money.to_string()),
        currency: product.price.currency().code().to_owned(),
        stock_quantity: product.available,
        category_id: product.category_id,
        seller_id: product.seller_id,
        image_url: urls.first().cloned(),
        pictures: gallery
            .images()
            .iter()
            .filter_map(|image| PictureId::parse(image))
            .map(|id| picture(&id, gallery, images))
            .collect(),
        image_alts: gallery
            .images()
            .iter()
            .map(|image| gallery.alt(image).to_owned())
            .collect(),
        images: urls,
        tags: product.tags.clone(),
        sku: product.sku.clone(),
        featured: product.featured,
        active: product.active,
        created_at: rfc3339(product.created_at),
        updated_at: rfc3339(product.updated_at),
    }
}

/// A picture of a gallery, on the wire.
pub(crate) fn picture(id: &PictureId, gallery: &Gallery, images: &Images) -> wire_products::Picture {
    let files = |size| wire_products::PictureFiles {
        webp: images.address(&id.file(size, Format::WebP)),
        jpeg: images.address(&id.file(size, Format::Jpeg)),
    };
    wire_products::Picture {
        alt: gallery.alt(id.as_str()).to_owned(),
        primary: gallery.is_primary(id.as_str()),
        thumb: files(Size::Thumb),
        card: files(Size::Card),
        full: files(Size::Full),
    }
}

/// A category, on the wire.
pub(crate) fn category(category: &Category) -> wire_products::Category {
    wire_products::Category {
        id: category.id,
        name: category.name.clone(),
        slug: category.slug.clone(),
        description: category.description.clone(),
        parent_id: category.parent_id,
    }
}
