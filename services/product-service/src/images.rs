//! The image folder: one file a picture, named by what it holds, so that it never changes and is kept once.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::fs;
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use crate::domain::ImageKind;
use crate::domain::image::{file_name, kind_of_name};
use crate::error::ProductError;

/// Stores and finds images. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Images {
    dir: Arc<PathBuf>,
    base_url: Arc<str>,
}

impl Images {
    /// The folder at `dir`, made if it is not there; addresses begin with `base_url`.
    pub(crate) async fn open(dir: PathBuf, base_url: String) -> std::io::Result<Self> {
        fs::create_dir_all(&dir).await?;
        Ok(Self {
            dir: Arc::new(dir),
            base_url: base_url.into(),
        })
    }

    /// Stores an image and returns its name. The file is whole or not there: it is written beside its place, made
    /// durable, then renamed.
    pub(crate) async fn store(&self, bytes: &[u8], kind: ImageKind) -> Result<String, ProductError> {
        let name = file_name(bytes, kind);
        self.write(&name, bytes)
            .await
            .map_err(|source| ProductError::Images {
                doing: "store an image",
                source,
            })?;
        Ok(name)
    }

    async fn write(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let place = self.dir.join(name);
        if fs::try_exists(&place).await? {
            return Ok(());
        }
        let draft = self.dir.join(format!(".{}", Uuid::now_v7()));
        let written = async {
            let mut file = fs::File::create(&draft).await?;
            file.write_all(bytes).await?;
            file.sync_all().await?;
            fs::rename(&draft, &place).await?;
            fs::File::open(&*self.dir).await?.sync_all().await
        }
        .await;
        if written.is_err() {
            // Best effort: the failure that counts is the first one.
            let _ = fs::remove_file(&draft).await;
        }
        written
    }

    /// The image called `name`, if there is one.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<(ImageKind, Vec<u8>)>, ProductError> {
        let Some(kind) = kind_of_name(name) else {
            return Ok(None);
        };
        match fs::read(self.dir.join(name)).await {
            Ok(bytes) => Ok(Some((kind, bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ProductError::Images {
                doing: "read an image",
                source,
            }),
        }
    }

    /// Where a product's image is shown: a file of ours under the base address, anything else as it is.
    pub(crate) fn url(&self, image: &str) -> String {
        match kind_of_name(image) {
            Some(_) => format!("{}/{image}", self.base_url),
            None => image.to_owned(),
        }
    }

    /// What is kept of an address: the name, if it is one of ours. The reverse of [`Images::url`].
    pub(crate) fn kept(&self, url: &str) -> String {
        let name = url
            .strip_prefix(&*self.base_url)
            .and_then(|rest| rest.strip_prefix('/'));
        name.filter(|name| kind_of_name(name).is_some())
            .unwrap_or(url)
            .to_owned()
    }
}
