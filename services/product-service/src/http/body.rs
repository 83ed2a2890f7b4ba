//! From what a client sent to values that were checked. All that is wrong is reported at once.

use souk_http::{Checks, Problem};
use types::{CategoryId, Currency, DecimalText, Money, UserId};
use wire::products::{CreateProduct, UpdateProduct};

use crate::domain::product::MAX_STOCK;
use crate::domain::{Gallery, Hanging, NewProduct, Patch, Refusal, gallery, sku, slug};
use crate::images;

/// The longest name of a product, in characters.
const NAME: usize = 200;
/// The longest description, in characters.
const DESCRIPTION: usize = 20_000;
/// The most tags, and the longest one.
const TAGS: (usize, usize) = (30, 50);

/// A new product of `seller`; a SKU that was not sent is made of `random`.
pub(super) fn new_product(
    body: CreateProduct,
    seller: UserId,
    currency: Currency,
    random: u64,
) -> Result<NewProduct, Problem> {
    let mut checks = Checks::new();
    let name = checks.text("/name", &body.name, 1, NAME);
    let price = money(&mut checks, "/price", &body.price, currency);
    let compare_at = body
        .compare_at_price
        .and_then(|text| money(&mut checks, "/compareAtPrice", &text, currency));
    let description = body.description.unwrap_or_default();
    let description = checks.text("/description", &description, 0, DESCRIPTION);
    let category_id = body
        .category_id
        .and_then(|id| category(&mut checks, "/categoryId", id));
    let tags = tags(&mut checks, body.tags.unwrap_or_default());
    let hanging = hanging(&mut checks, body.images, body.image_url, body.image_alts);
    let hung = hanging.and_then(|hanging| take(&mut checks, Gallery::default().hung(hanging)));
    let stock = stock(&mut checks, body.stock.unwrap_or(0));
    let slug = slug::of(name.as_deref().unwrap_or_default(), "product");
    let sku = match body.sku.filter(|sku| !sku.trim().is_empty()) {
        Some(text) => take(&mut checks, sku::parse(&text)),
        None => Some(sku::made(&slug, random)),
    };
    checks.finish()?;
    Ok(NewProduct {
        seller_id: seller,
        category_id,
        name: name.unwrap_or_default(),
        slug,
        sku: sku.unwrap_or_default(),
        description: description.unwrap_or_default(),
        price: price.unwrap_or(Money::zero(currency)),
        compare_at,
        gallery: hung.unwrap_or_default(),
        tags,
        featured: body.featured.unwrap_or(false),
        active: body.active.unwrap_or(true),
        stock: stock.unwrap_or(0),
    })
}

/// A change of a product.
pub(super) fn patch(body: UpdateProduct, currency: Currency) -> Result<Patch, Problem> {
    let mut checks = Checks::new();
    let patch = Patch {
        name: body.name.and_then(|text| checks.text("/name", &text, 1, NAME)),
        price: body
            .price
            .and_then(|text| money(&mut checks, "/price", &text, currency)),
        compare_at: body
            .compare_at_price
            .map(|text| text.and_then(|text| money(&mut checks, "/compareAtPrice", &text, currency))),
        description: body
            .description
            .and_then(|text| checks.text("/description", &text, 0, DESCRIPTION)),
        category_id: body
            .category_id
            .map(|id| id.and_then(|id| category(&mut checks, "/categoryId", id))),
        sku: body.sku.and_then(|text| take(&mut checks, sku::parse(&text))),
        tags: body.tags.map(|words| tags(&mut checks, words)),
        hanging: hanging(&mut checks, body.images, body.image_url, body.image_alts).unwrap_or_default(),
        featured: body.featured,
        active: body.active,
        stock: body.stock.and_then(|units| stock(&mut checks, units)),
    };
    if patch.hanging.images.is_some() {
        // What is wrong with a list is so whatever is there, and said along with the rest.
        take(&mut checks, Gallery::default().hung(patch.hanging.clone()));
    }
    checks.finish()?;
    Ok(patch)
}

/// An id of a category that is to be there.
pub(super) fn category(checks: &mut Checks, pointer: &str, id: i64) -> Option<CategoryId> {
    checks.take(pointer, CategoryId::new(id))
}

fn money(checks: &mut Checks, pointer: &str, text: &DecimalText, currency: Currency) -> Option<Money> {
    checks.take(pointer, Money::parse(text, currency))
}

/// The value, or its refusal noted where it points.
fn take<T>(checks: &mut Checks, value: Result<T, Refusal>) -> Option<T> {
    match value {
        Ok(value) => Some(value),
        Err(Refusal::Invalid { pointer, detail }) => {
            checks.refuse(&pointer, detail);
            None
        }
        Err(other) => {
            checks.refuse("", other);
            None
        }
    }
}

fn stock(checks: &mut Checks, units: i64) -> Option<i64> {
    if (0..=MAX_STOCK).contains(&units) {
        return Some(units);
    }
    checks.refuse("/stock", format!("0 to {MAX_STOCK} units"));
    None
}

/// Trimmed, in lower case, each once.
fn tags(checks: &mut Checks, words: Vec<String>) -> Vec<String> {
    let (most, longest) = TAGS;
    if words.len() > most {
        checks.refuse("/tags", format!("{most} tags at most"));
        return Vec::new();
    }
    let mut tags: Vec<String> = Vec::new();
    for (i, word) in words.iter().enumerate() {
        let pointer = format!("/tags/{i}");
        if word.contains(',') {
            checks.refuse(&pointer, "a tag holds no comma");
        } else if let Some(tag) = checks.text(&pointer, &word.to_lowercase(), 1, longest)
            && !tags.contains(&tag)
        {
            tags.push(tag);
        }
    }
    tags
}

/// What was sent of pictures and of what they show; none if one of the pictures is refused.
fn hanging(
    checks: &mut Checks,
    list: Option<Vec<String>>,
    first: Option<String>,
    alts: Option<Vec<String>>,
) -> Option<Hanging> {
    let first = first.filter(|url| !url.trim().is_empty());
    let primary = first.map(|url| picture(checks, "/imageUrl", &url));
    let mut one = |(i, url): (usize, String)| picture(checks, &format!("/images/{i}"), &url);
    // All of them: what is wrong behind the first one that is refused is said as well.
    let images = list.map(|list| list.into_iter().enumerate().map(&mut one).collect::<Vec<_>>());
    let mut text = |(i, text): (usize, String)| {
        let text = checks.text(&format!("/imageAlts/{i}"), &text, 0, gallery::ALT);
        text.unwrap_or_default()
    };
    let alts = alts.map(|texts| texts.into_iter().enumerate().map(&mut text).collect());
    let whole = |images: Vec<Option<String>>| images.into_iter().collect::<Option<Vec<_>>>();
    Some(Hanging {
        images: match images {
            Some(images) => Some(whole(images)?),
            None => None,
        },
        primary: match primary {
            Some(primary) => Some(primary?),
            None => None,
        },
        alts,
    })
}

/// An address of a picture as it is kept.
fn picture(checks: &mut Checks, pointer: &str, url: &str) -> Option<String> {
    let url = checks.text(pointer, url, 1, 2_000)?;
    let name = images::kept(&url);
    // A script must never get into a page by way of a picture's address.
    if url.starts_with("https://") || url.starts_with("http://") || name != url {
        return Some(name);
    }
    checks.refuse(
        pointer,
        "an address that begins with https://, or one of an uploaded image",
    );
    None
}
