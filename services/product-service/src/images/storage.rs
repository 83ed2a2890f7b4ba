//! Where the files of pictures are: a folder, or a bucket that speaks S3. The same calls for both.

use std::fmt::Write as _;
use std::future::Future;
use std::io::ErrorKind;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::HttpError;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Attribute, BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt as _, PutOptions, RetryConfig,
};
use runtime::{Breaker, Clock, Dependency, StartError};
use time::OffsetDateTime;
use tokio::time::timeout;

use super::probe::{Finding, OBJECT, judge, probe, write_and_delete};
use crate::NAME;
use crate::config::{Bucket, ImageStore};
use crate::domain::{PictureFile, PictureId};

/// How long files may be kept by whoever has them: their names say what they hold.
pub(crate) const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";
/// How long a read may take: less than the gateway waits, which else would take the whole service for dead.
const READ: Duration = Duration::from_secs(3);
/// How long it may take to write or delete the files of a picture, and to list a page of names.
const WRITE: Duration = Duration::from_secs(10);

/// Why the storage could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no room for more.
    #[error("the storage of images is full")]
    Full(#[source] object_store::Error),
    /// It cannot be used until a person has mended something; the sentence names the setting and says what.
    #[error("{0}")]
    Refused(String),
    /// It fails, or does not answer.
    #[error("the storage of images failed")]
    Failed(#[source] object_store::Error),
    /// It takes too long.
    #[error("the storage of images did not answer within {0:?}")]
    TooSlow(Duration),
    /// It failed so often that it is left alone.
    #[error("the storage of images failed and is left alone for {0:?}")]
    Resting(Duration),
}

/// The files of pictures. Cheap to clone.
#[derive(Clone)]
pub struct Storage {
    objects: Arc<dyn ObjectStore>,
    /// A folder has drafts, a bucket can be away.
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Folder(Arc<FilePath>),
    Bucket(Arc<Bucket>, Breaker),
}

impl Storage {
    /// The storage that the settings name. A bucket that answers has to be usable; one that does not is waited for.
    ///
    /// # Errors
    /// The folder cannot be made or written to, or the bucket answers and refuses; says what to mend.
    pub async fn open(store: ImageStore, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        match store {
            ImageStore::Folder(dir) => Self::folder(dir).await,
            ImageStore::Bucket(bucket) => Self::bucket(bucket, clock).await,
        }
    }

    /// A file is whole or not there: it is written beside its place, made durable, then renamed.
    async fn folder(dir: PathBuf) -> Result<Self, StartError> {
        let made = tokio::fs::create_dir_all(&dir).await;
        made.map_err(|why| unusable(&dir, &why))?;
        let objects = LocalFileSystem::new_with_prefix(&dir)
            .map_err(|why| unusable(&dir, &why))?
            .with_fsync(true);
        match write_and_delete(&objects).await {
            Ok(()) => {}
            Err(error) if is_full(&error) => tracing::warn!(
                folder = %dir.display(),
                "IMAGE_DIR: the disk is full; uploads are refused until there is room, all else works"
            ),
            Err(error) => return Err(unusable(&dir, &error).into()),
        }
        Ok(Self {
            objects: Arc::new(objects),
            kind: Kind::Folder(dir.into()),
        })
    }

    async fn bucket(bucket: Bucket, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let objects = client(&bucket).map_err(|why| format!("S3_ENDPOINT: {why}"))?;
        match probe(&objects, &bucket).await {
            Finding::Usable => {}
            Finding::Refused(sentence) => return Err(sentence.into()),
            Finding::Away(error) => tracing::warn!(
                error,
                endpoint = bucket.endpoint,
                "S3_ENDPOINT does not answer; uploads and pictures are refused until it does, all else works"
            ),
        }
        Ok(Self {
            objects: Arc::new(objects),
            kind: Kind::Bucket(Arc::new(bucket), Breaker::new(clock)),
        })
    }

    /// The same storage, with its breaker shown. Once a process: whoever has another one must not show that in its place.
    pub(crate) fn shown(mut self) -> Self {
        if let Kind::Bucket(bucket, breaker) = self.kind {
            self.kind = Kind::Bucket(bucket, breaker.shown(NAME, "image-storage"));
        }
        self
    }

    /// How the storage is, for `/health/all`. Asked for itself, beside the breaker: that a picture is asked for may be long ago.
    pub(crate) fn dependency(&self) -> Dependency {
        let storage = self.clone();
        Dependency::new("image-storage", move || {
            let storage = storage.clone();
            async move { storage.look().await }
        })
    }

    async fn look(&self) -> Result<(), &'static str> {
        match &self.kind {
            Kind::Folder(dir) => match tokio::fs::metadata(dir).await {
                Ok(there) if there.is_dir() => Ok(()),
                Ok(_) | Err(_) => Err("missing"),
            },
            Kind::Bucket(bucket, _) => match self.objects.list(Some(&Path::from(OBJECT))).next().await {
                None | Some(Ok(_)) => Ok(()),
                Some(Err(error)) => match judge(&error, bucket) {
                    Finding::Away(_) => Err("unreachable"),
                    Finding::Usable | Finding::Refused(_) => Err("refused"),
                },
            },
        }
    }

    /// Writes a file, or the same file again.
    pub(crate) async fn put(&self, file: &PictureFile, bytes: Vec<u8>) -> Result<(), StorageError> {
        let mut options = PutOptions::default();
        if let Kind::Bucket(..) = self.kind {
            // For a CDN that reads the bucket.
            let media_type = file.format.media_type();
            options
                .attributes
                .insert(Attribute::ContentType, media_type.into());
            options
                .attributes
                .insert(Attribute::CacheControl, CACHE_CONTROL.into());
        }
        let path = path(file);
        let write = self.objects.put_opts(&path, bytes.into(), options);
        self.call("put", WRITE, write).await.map(drop)
    }

    /// What a file holds, if it is there.
    pub(crate) async fn get(&self, file: &PictureFile) -> Result<Option<Vec<u8>>, StorageError> {
        let path = path(file);
        let read = async {
            match self.objects.get(&path).await {
                Ok(found) => found.bytes().await.map(|bytes| Some(bytes.to_vec())),
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.call("get", READ, read).await
    }

    /// Deletes the files of a picture, those that are there.
    pub(crate) async fn delete(&self, picture: &PictureId) -> Result<(), StorageError> {
        let paths: Vec<_> = picture.files().map(|file| Ok(path(&file))).collect();
        let mut deleted = self.objects.delete_stream(futures::stream::iter(paths).boxed());
        let delete = async {
            while let Some(outcome) = deleted.next().await {
                match outcome {
                    Err(error) if !is_missing(&error) => return Err(error),
                    Ok(_) | Err(_) => {}
                }
            }
            Ok(())
        };
        self.call("delete", WRITE, delete).await
    }

    /// Every picture of which there is a file, once or more. Counts as one call, when it has come to its end.
    ///
    /// # Errors
    /// The storage is left alone now; or it fails on the way, which is the stream's last item.
    pub(crate) fn list(&self) -> Result<BoxStream<'_, Result<PictureId, StorageError>>, StorageError> {
        self.permit()?;
        let names = self.objects.list(None);
        let pictures = futures::stream::try_unfold(names, async |mut names| {
            loop {
                let next = async { names.next().await.transpose() };
                let next = self.within(WRITE, next).await;
                let Ok(Some(object)) = next else {
                    self.tell("list", &next);
                    return next.map(|_| None);
                };
                if let Some(file) = PictureFile::parse(object.location.as_ref()) {
                    return Ok(Some((file.picture, names)));
                }
            }
        });
        Ok(pictures.boxed())
    }

    /// Deletes what writes that were cut off before `before` have left in a folder.
    pub(crate) async fn delete_drafts(&self, before: OffsetDateTime) -> Result<(), StorageError> {
        match &self.kind {
            Kind::Folder(dir) => clear(dir, before).await.map_err(|error| {
                self.failed(object_store::Error::Generic {
                    store: "folder",
                    source: error.into(),
                })
            }),
            Kind::Bucket(..) => Ok(()),
        }
    }

    async fn call<T>(
        &self,
        operation: &'static str,
        within: Duration,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, StorageError> {
        self.permit()?;
        let outcome = self.within(within, work).await;
        self.tell(operation, &outcome);
        outcome
    }

    fn permit(&self) -> Result<(), StorageError> {
        match &self.kind {
            Kind::Folder(_) => Ok(()),
            Kind::Bucket(_, breaker) => breaker.permit().map_err(StorageError::Resting),
        }
    }

    async fn within<T>(
        &self,
        within: Duration,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, StorageError> {
        match timeout(within, work).await {
            Ok(outcome) => outcome.map_err(|error| self.failed(error)),
            Err(_) => Err(StorageError::TooSlow(within)),
        }
    }

    /// What an error means; where a person has to mend something, what.
    fn failed(&self, error: object_store::Error) -> StorageError {
        if is_full(&error) {
            return StorageError::Full(error);
        }
        match &self.kind {
            Kind::Folder(dir) if needs_a_person(&error) => StorageError::Refused(unusable(dir, &error)),
            Kind::Folder(_) => StorageError::Failed(error),
            Kind::Bucket(bucket, _) => match judge(&error, bucket) {
                Finding::Refused(sentence) => StorageError::Refused(sentence),
                Finding::Away(_) | Finding::Usable => StorageError::Failed(error),
            },
        }
    }

    /// Counts how a call went, and tells the breaker.
    fn tell<T>(&self, operation: &'static str, outcome: &Result<T, StorageError>) {
        let word = match outcome {
            Ok(_) => "done",
            Err(StorageError::Full(_)) => "full",
            Err(_) => "failed",
        };
        metrics::counter!("image_storage_calls_total", "service" => NAME, "operation" => operation, "outcome" => word)
            .increment(1);
        if let Kind::Bucket(_, breaker) = &self.kind {
            breaker.record(word != "failed");
        }
    }
}

/// Why a folder cannot be used, for whoever can mend it.
fn unusable(dir: &FilePath, error: &(dyn std::error::Error + 'static)) -> String {
    let why = causes(error).last().map(ToString::to_string).unwrap_or_default();
    format!(
        "IMAGE_DIR: {} cannot be used: {why}; let the service's user read, write and delete there, or name another folder",
        dir.display()
    )
}

/// Whether a folder is gone, or may not be used: that does not pass by itself.
fn needs_a_person(error: &object_store::Error) -> bool {
    matches!(
        io(error),
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotFound)
    )
}

/// What the file system did not like.
fn io(error: &object_store::Error) -> Option<ErrorKind> {
    causes(error).find_map(|cause| cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind))
}

/// Whether there was no room.
fn is_full(error: &object_store::Error) -> bool {
    let disk = io(error);
    matches!(disk, Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
        || matches!(
            code(error).as_deref(),
            Some("XMinioStorageFull" | "QuotaExceeded")
        )
}

/// Deletes the drafts that are older than `before`.
async fn clear(dir: &FilePath, before: OffsetDateTime) -> std::io::Result<()> {
    let mut entries = tokio::fs::read_dir(dir).await?;
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name();
        // That is how `LocalFileSystem` names them: the file's own name, `#` and a number.
        let draft = name
            .to_str()
            .and_then(|name| name.split_once('#'))
            .is_some_and(|(file, _)| PictureFile::parse(file).is_some());
        if draft {
            match discard(&entry, before).await {
                // Whoever wrote it has put it into its place.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                done => done?,
            }
        }
    }
    Ok(())
}

/// Deletes a file that is older than `before`.
async fn discard(entry: &tokio::fs::DirEntry, before: OffsetDateTime) -> std::io::Result<()> {
    if OffsetDateTime::from(entry.metadata().await?.modified()?) < before {
        tokio::fs::remove_file(entry.path()).await?;
    }
    Ok(())
}

fn client(bucket: &Bucket) -> object_store::Result<AmazonS3> {
    let plain = bucket.endpoint.starts_with("http://");
    let options = ClientOptions::new()
        .with_allow_http(plain)
        .with_connect_timeout(Duration::from_secs(1))
        .with_timeout(Duration::from_secs(5));
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_millis(500),
            base: 2.0,
        },
        max_retries: 2,
        retry_timeout: Duration::from_secs(5),
    };
    AmazonS3Builder::new()
        .with_endpoint(&bucket.endpoint)
        .with_bucket_name(&bucket.name)
        .with_region(&bucket.region)
        .with_access_key_id(bucket.access_key.expose())
        .with_secret_access_key(bucket.secret_key.expose())
        // The bucket in the path, and one file a deletion: what every server understands.
        .with_virtual_hosted_style_request(false)
        .with_disable_bulk_delete(true)
        .with_client_options(options)
        .with_retry(retry)
        .build()
}

fn path(file: &PictureFile) -> Path {
    Path::from(file.name())
}

/// Whether a file is not there, although its bucket is.
pub(super) fn is_missing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. }) && code(error).as_deref() != Some("NoSuchBucket")
}

/// An error and all its causes.
pub(super) fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// Whether no answer came.
pub(super) fn is_away(error: &object_store::Error) -> bool {
    causes(error).any(|cause| cause.is::<HttpError>())
}

/// The word for what S3 did not like, out of its answer.
pub(super) fn code(error: &object_store::Error) -> Option<String> {
    let mut text = String::new();
    for cause in causes(error) {
        let _ = write!(text, "{cause} ");
    }
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code.to_owned())
}
