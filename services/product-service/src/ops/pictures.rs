//! Keeping the files of pictures, and letting go of those that no product names (IMG-3).
//!
//! A row is written before the files, and goes after them. Between the two, a row that is doomed lets nobody name its
//! picture: so no product ever names files that go, whatever is stopped when.

use std::time::Duration;

use futures::stream::StreamExt as _;
use sqlx::PgPool;
use time::OffsetDateTime;

use crate::NAME;
use crate::domain::{PictureFile, PictureId, Refusal};
use crate::error::ProductError;
use crate::images::{Images, Storage, StorageError};
use crate::store::pictures::Announced;
use crate::store::{fault, pictures};

/// How long a picture stays that nobody names: an upload or a change of a product may be on its way.
const UNUSED: Duration = Duration::from_secs(86_400);
/// How long the pictures of a deleted product stay: it may have been a mistake.
const DELETED: Duration = Duration::from_secs(30 * 86_400);
/// Names that are looked up by one statement.
const BATCH: usize = 1_000;

/// Stores the files of a picture that a product is about to name. Where that fails, those that were written go again: at
/// once if the storage is full, else with a sweep.
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
        return Err(Refusal::BeingDeleted.into());
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
        // Best effort: the failure that counts is the first one. Not where the storage is away: the picture would be
        // doomed, and could not be uploaded again, until it is back.
        let _ = take_back(db, &images.storage, picture, now).await;
    }
    stored
}

/// Deletes what was written of a picture that nobody else has stored or named since.
async fn take_back(
    db: &PgPool,
    storage: &Storage,
    picture: &PictureId,
    announced: OffsetDateTime,
) -> Result<(), ProductError> {
    let mut conn = db.acquire().await.map_err(fault("reach the database"))?;
    let doomed = pictures::doom_unused(&mut conn, picture, announced).await?;
    drop(conn);
    if doomed {
        delete(db, storage, picture).await?;
    }
    Ok(())
}

/// Deletes what no product names, and returns how many pictures that were. May run anywhere at the same time, and be
/// stopped at any moment.
///
/// # Errors
/// The database or the storage does not answer; what was done so far stays done.
pub async fn sweep(db: &PgPool, storage: &Storage, now: OffsetDateTime) -> Result<u64, ProductError> {
    adopt(db, storage, now - UNUSED).await?;
    let mut swept = 0;
    loop {
        let mut conn = db.acquire().await.map_err(fault("reach the database"))?;
        pictures::doom(&mut conn, now - UNUSED, now - DELETED, now).await?;
        let doomed = pictures::doomed(&mut conn).await?;
        drop(conn);
        if doomed.is_empty() {
            break;
        }
        for picture in doomed {
            delete(db, storage, &picture).await?;
            metrics::counter!("images_swept_total", "service" => NAME).increment(1);
            swept += 1;
        }
    }
    let drafts = storage.delete_drafts(now - UNUSED).await;
    drafts.map_err(failed("clear the folder of images"))?;
    Ok(swept)
}

/// Takes up what is in the storage since before `before` and in no row: after a restore of an older database.
async fn adopt(db: &PgPool, storage: &Storage, before: OffsetDateTime) -> Result<(), ProductError> {
    let mut found = storage.list().chunks(BATCH);
    while let Some(batch) = found.next().await {
        let (mut ids, mut written) = (Vec::new(), Vec::new());
        for picture in batch {
            let (id, at) = picture.map_err(failed("list the storage of images"))?;
            if at < before && ids.last().is_none_or(|last| last != id.as_str()) {
                ids.push(id.as_str().to_owned());
                written.push(at);
            }
        }
        if !ids.is_empty() {
            let mut conn = db.acquire().await.map_err(fault("reach the database"))?;
            pictures::adopt(&mut conn, &ids, &written).await?;
        }
    }
    Ok(())
}

/// Deletes a doomed picture: its files, then its row.
async fn delete(db: &PgPool, storage: &Storage, picture: &PictureId) -> Result<(), ProductError> {
    storage.delete(picture).await.map_err(failed("delete an image"))?;
    let mut conn = db.acquire().await.map_err(fault("reach the database"))?;
    pictures::forget(&mut conn, picture).await
}

fn failed(doing: &'static str) -> impl FnOnce(StorageError) -> ProductError {
    move |source| ProductError::Images { doing, source }
}
