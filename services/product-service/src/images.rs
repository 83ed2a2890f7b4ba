//! The pictures of products: rendered once, stored as files, shown by address.

mod line;
mod probe;
mod render;
mod storage;

use std::sync::Arc;

use futures::future::try_join_all;
use runtime::{Clock, StartError};

pub(crate) use line::Line;
pub(crate) use render::Rendered;
pub(crate) use storage::CACHE_CONTROL;
pub use storage::{Storage, StorageError};

use crate::config::ImageConfig;
use crate::domain::{Format, PictureFile, PictureId, Size};
use crate::error::ProductError;

/// Renders, stores, finds and names pictures. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Images {
    pub(crate) line: Line,
    pub(crate) storage: Storage,
    base_url: Arc<str>,
}

impl Images {
    /// With the storage that the settings name.
    pub(crate) async fn open(config: ImageConfig, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        Ok(Self {
            line: Line::new(config.renders),
            storage: Storage::open(config.store, clock).await?,
            base_url: config.base_url.into(),
        })
    }

    /// The same, whose storage is the one of which the service tells by metrics.
    pub(crate) fn shown(self) -> Self {
        Self {
            storage: self.storage.shown(),
            ..self
        }
    }

    /// Stores all files of a picture. Where that fails, some may be there: they belong to no product, and go.
    pub(crate) async fn store(&self, files: Vec<(PictureFile, Vec<u8>)>) -> Result<(), ProductError> {
        let writes = files
            .into_iter()
            .map(async |(file, bytes)| self.storage.put(&file, bytes).await);
        try_join_all(writes)
            .await
            .map(drop)
            .map_err(|source| ProductError::Images {
                doing: "store an image",
                source,
            })
    }

    /// What a file holds, if it is there.
    pub(crate) async fn read(&self, file: &PictureFile) -> Result<Option<Vec<u8>>, ProductError> {
        self.storage
            .get(file)
            .await
            .map_err(|source| ProductError::Images {
                doing: "read an image",
                source,
            })
    }

    /// The address of a file.
    pub(crate) fn address(&self, file: &PictureFile) -> String {
        format!("{}/{}", self.base_url, file.name())
    }

    /// Where a product's image is shown: a picture of ours at its largest, as everybody can show it; anything else as it
    /// is.
    pub(crate) fn url(&self, image: &str) -> String {
        match PictureId::parse(image) {
            Some(id) => self.address(&id.file(Size::Full, Format::Jpeg)),
            None => image.to_owned(),
        }
    }
}

/// What is kept of an address: the picture, if it ends in the name of a file of ours. Whatever comes before the name: clients
/// complete addresses, and a shop that gets a CDN has others from then on.
pub(crate) fn kept(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    match PictureFile::parse(name) {
        Some(file) => file.picture.as_str().to_owned(),
        None => url.to_owned(),
    }
}
