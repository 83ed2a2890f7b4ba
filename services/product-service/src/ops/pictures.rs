//! Keeping the files of pictures, and letting go of those that no product names (IMG-3).
//!
//! A row is written before the files, and goes after them. Between the two, a row that is doomed lets nobody name its
//! picture: so no product ever names files that go, whatever is stopped when. One process at a time deletes: what another
//! has found doomed may have gone, been uploaded again and be named by the time at which it gets to it.

use std::time::Duration;

use futures::stream::StreamExt as _;
use sqlx::{Connection as _, PgConnection, PgPool};
use time::OffsetDateTime;
use types::Actor;
use wire::events::ProductChanged;

use crate::NAME;
use crate::domain::{PictureFile, PictureId, Product, Refusal};
use crate::error::ProductError;
use crate::events::PRODUCTS;
use crate::images::{Images, Storage, StorageError};
use crate::store::pictures::Announced;
use crate::store::{fault, pictures, products};

/// How long a picture stays that nobody names: an upload or a change of a product may be on its way.
const UNUSED: Duration = Duration::from_secs(86_400);
/// How long the pictures of a deleted product stay: it may have been a mistake.
const DELETED: Duration = Duration::from_secs(30 * 86_400);
/// Names that are looked up by one statement.
const BATCH: usize = 1_000;

/// Stores the files of a picture that a product is about to name. Where that fails, those that were written go again: at
/// once if the storage is full, else with a sweep. A deletion that was cut off is none any more.
///
/// # Errors
/// The picture is being deleted; the database or the storage fails.
pub(crate) async fn keep(
    db: &PgPool,
    images: &Images,
    picture: &PictureId,
    files: Vec<(PictureFile, Vec<u8>)>,
    now: OffsetDateTime,
) -> Result<(), ProductError> {
    let mut conn = db.acquire().await.map_err(fault("reach the database"))?;
    let announced = pictures::announce(&mut conn, picture, now).await?;
    drop(conn);
    if announced == Announced::Doomed {
        let mut tx = pg::begin(db).await.map_err(fault("begin a transaction"))?;
        if !pictures::hold_off(&mut tx).await? {
            return Err(Refusal::BeingDeleted.into());
        }
        pictures::spare(&mut tx, picture, now).await?;
        tx.commit().await.map_err(fault("commit a picture"))?;
    }
    let stored = images.store(files).await;
    let full = matches!(
        &stored,
        Err(ProductError::Images {
            source: StorageError::Full(_),
            ..
        })
    );
    if full && announced == Announced::New {
        // Best effort: the failure that counts is the first one. Not where the storage is away: nothing could be deleted.
        let _ = take_back(db, &images.storage, picture, now).await;
    }
    stored
}

/// Hangs a picture that is [kept](keep), last or as the primary one, in a product that this transaction has locked, and
/// says so if that changes anything.
///
/// # Errors
/// The product has as many pictures as it may have, or the picture is being deleted; the database fails.
pub(crate) async fn hang(
    tx: &mut PgConnection,
    product: &mut Product,
    picture: &PictureId,
    (alt, primary): (Option<String>, bool),
    actor: Actor,
    now: OffsetDateTime,
) -> Result<(), ProductError> {
    let name = picture.as_str();
    // Another upload of the same file may have failed meanwhile, and taken back what it wrote.
    pictures::name(tx, &[name.to_owned()], now)
        .await
        .map_err(|error| match error.refusal() {
            Some(_) => Refusal::BeingDeleted.into(),
            None => error,
        })?;
    let before = product.gallery.clone();
    product.gallery.add(name, alt, primary)?;
    if product.gallery == before {
        return Ok(());
    }
    products::save(tx, product, now).await?;
    let changed = ProductChanged {
        product_id: product.id,
    };
    bus::publish(tx, &PRODUCTS, product.id.get(), &changed, actor, now)
        .await
        .map_err(fault("publish a product"))
}

/// A session of its own that may delete files, unless another process has one. When it ends, however that comes about,
/// another may. A statement that fails on it says that this one may not any more.
async fn deleter(db: &PgPool) -> Result<Option<PgConnection>, ProductError> {
    pg::try_lock(db, pictures::DELETER)
        .await
        .map_err(fault("become the one that deletes pictures"))
}

/// Lets others delete at once; without it the server would notice later.
async fn step_down(deleter: PgConnection) {
    drop(deleter.close().await);
}

/// Deletes what was written of a picture that nobody else has stored or named since; left to a sweep if another process
/// deletes now.
async fn take_back(
    db: &PgPool,
    storage: &Storage,
    picture: &PictureId,
    announced: OffsetDateTime,
) -> Result<(), ProductError> {
    let Some(mut deleter) = deleter(db).await? else {
        return Ok(());
    };
    if pictures::doom_unused(&mut deleter, picture, announced).await? {
        delete(&mut deleter, storage, picture).await?;
    }
    step_down(deleter).await;
    Ok(())
}

/// Deletes what no product names, and returns how many pictures that were; none while another process does. May be
/// stopped at any moment.
///
/// # Errors
/// The database or the storage does not answer; what was done so far stays done.
pub async fn sweep(db: &PgPool, storage: &Storage, now: OffsetDateTime) -> Result<u64, ProductError> {
    let Some(mut deleter) = deleter(db).await? else {
        return Ok(0);
    };
    adopt(&mut deleter, storage, now).await?;
    let mut swept = 0;
    loop {
        pictures::doom(&mut deleter, now - UNUSED, now - DELETED, now).await?;
        let doomed = pictures::doomed(&mut deleter).await?;
        if doomed.is_empty() {
            break;
        }
        for picture in doomed {
            delete(&mut deleter, storage, &picture).await?;
            metrics::counter!("images_swept_total", "service" => NAME).increment(1);
            swept += 1;
        }
    }
    let drafts = storage.delete_drafts(now - UNUSED).await;
    drafts.map_err(failed("clear the folder of images"))?;
    step_down(deleter).await;
    Ok(swept)
}

/// Takes up what is in the storage and in no row: after a restore of an older database. From now on it has the time that any
/// picture has of which nobody makes use.
async fn adopt(
    deleter: &mut PgConnection,
    storage: &Storage,
    now: OffsetDateTime,
) -> Result<(), ProductError> {
    let listed = storage.list().map_err(failed("list the storage of images"))?;
    let mut found = listed.chunks(BATCH);
    while let Some(batch) = found.next().await {
        let mut ids = Vec::new();
        for picture in batch {
            let id = picture.map_err(failed("list the storage of images"))?;
            if ids.last().is_none_or(|last| last != id.as_str()) {
                ids.push(id.as_str().to_owned());
            }
        }
        pictures::adopt(deleter, &ids, now).await?;
    }
    Ok(())
}

/// Deletes a doomed picture: its files, then its row.
async fn delete(
    deleter: &mut PgConnection,
    storage: &Storage,
    picture: &PictureId,
) -> Result<(), ProductError> {
    storage.delete(picture).await.map_err(failed("delete an image"))?;
    pictures::forget(deleter, picture).await
}

fn failed(doing: &'static str) -> impl FnOnce(StorageError) -> ProductError {
    move |source| ProductError::Images { doing, source }
}
