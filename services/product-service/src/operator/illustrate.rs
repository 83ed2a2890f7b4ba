//! Gives a picture to products that were loaded without one.

use std::sync::Arc;

use runtime::{Clock, StartError};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use types::{Actor, ProductId};

use crate::config::ImageConfig;
use crate::domain::{ImageKind, Refusal};
use crate::error::ProductError;
use crate::images::{Images, Rendered};
use crate::ops::pictures::{hang, keep};
use crate::store::products::Bare;
use crate::store::{fault, products};

/// Gives each of the products called `slugs` a picture of its own, on the same way as an upload takes, and returns how many
/// got one. One that has a picture, or that anybody has changed since it was loaded, is left as it is: so this may run at each
/// start, and be stopped at any moment. `draw` makes a file out of a slug.
///
/// # Errors
/// The database or the storage of images does not answer, or a drawing is no picture; what was done so far stays done.
pub async fn illustrate(
    pool: &PgPool,
    images: ImageConfig,
    clock: Arc<dyn Clock>,
    slugs: &[String],
    draw: fn(&str) -> Result<Vec<u8>, StartError>,
    stop: &CancellationToken,
) -> Result<u64, StartError> {
    let mut conn = pool.acquire().await?;
    let bare = products::bare(&mut conn, slugs).await?;
    drop(conn);
    if bare.is_empty() {
        return Ok(0);
    }
    let images = Images::open(images, Arc::clone(&clock)).await?;
    let mut done = 0;
    for product in bare {
        if stop.is_cancelled() {
            break;
        }
        let slug = product.slug.clone();
        let drawing = tokio::task::spawn_blocking(move || draw(&slug)).await??;
        let kind = ImageKind::of(&drawing)?;
        let rendered = images.line.render(images.line.enter()?, drawing, kind).await?;
        done += u64::from(show(pool, &images, &*clock, product, rendered).await?);
    }
    Ok(done)
}

/// Stores a picture and shows it, unless somebody has changed the product meanwhile; says whether it is shown.
async fn show(
    pool: &PgPool,
    images: &Images,
    clock: &dyn Clock,
    bare: Bare,
    rendered: Rendered,
) -> Result<bool, ProductError> {
    let (picture, now) = (rendered.id, clock.now());
    let id = ProductId::new(bare.id).map_err(|_| ProductError::Corrupt("id"))?;
    keep(pool, images, &picture, rendered.files, now).await?;
    let mut tx = pg::begin(pool).await.map_err(fault("begin a transaction"))?;
    let mut product = match products::lock(&mut tx, id).await {
        Err(ProductError::Refused(Refusal::NoProduct)) => return Ok(false),
        locked => locked?,
    };
    if product.version != bare.version {
        return Ok(false);
    }
    let shown = (Some(bare.name), true);
    hang(&mut tx, &mut product, &picture, shown, Actor::System, now).await?;
    tx.commit().await.map_err(fault("commit a picture"))?;
    Ok(true)
}
