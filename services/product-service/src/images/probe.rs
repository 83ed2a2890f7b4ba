//! Whether a bucket or a folder can be used, asked once at start: what is wrong is said at once and not at the first upload.

use std::time::Duration;

use futures::stream::StreamExt as _;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use tokio::time::timeout;

use super::storage::{causes, code, is_away, is_missing};
use crate::config::Bucket;

/// How long a start waits for the bucket.
const PATIENCE: Duration = Duration::from_secs(3);
/// What is written and deleted to see whether that may be done. No picture has such a name.
pub(super) const OBJECT: &str = "souk-probe";

/// How it went.
pub(super) enum Finding {
    /// The service may do there what it has to.
    Usable,
    /// It answers, and what it says needs a person; the sentence is for that person.
    Refused(String),
    /// It does not answer, or fails: it may come back by itself.
    Away(String),
}

/// Lists, writes and deletes.
pub(super) async fn probe(objects: &AmazonS3, bucket: &Bucket) -> Finding {
    let path = Path::from(OBJECT);
    let tried = timeout(PATIENCE, async {
        objects.list(Some(&path)).next().await.transpose()?;
        write_and_delete(objects).await
    });
    match tried.await {
        Ok(Ok(())) => Finding::Usable,
        Ok(Err(error)) => judge(&error, bucket),
        Err(_) => Finding::Away(format!("no answer within {PATIENCE:?}")),
    }
}

/// Writes and deletes. Another process may do so at the same time.
pub(super) async fn write_and_delete(objects: &impl ObjectStore) -> object_store::Result<()> {
    let path = Path::from(OBJECT);
    objects.put(&path, PutPayload::from_static(b"souk")).await?;
    match objects.delete(&path).await {
        Err(error) if !is_missing(&error) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What an error says of the bucket.
pub(super) fn judge(error: &object_store::Error, bucket: &Bucket) -> Finding {
    let Bucket {
        endpoint,
        name,
        region,
        ..
    } = bucket;
    let text = causes(error).last().map(ToString::to_string).unwrap_or_default();
    if is_away(error) {
        return Finding::Away(text);
    }
    let code = code(error);
    Finding::Refused(match code.as_deref() {
        Some("NoSuchBucket") => {
            format!("S3_BUCKET: {endpoint} has no bucket `{name}`; make it there, or name another one")
        }
        Some("InvalidAccessKeyId") => {
            format!(
                "S3_ACCESS_KEY: {endpoint} does not know this key; make an account for it, or give another one"
            )
        }
        Some("SignatureDoesNotMatch") => format!(
            "S3_SECRET_KEY: {endpoint} knows the key of S3_ACCESS_KEY, and this is not its secret; give the right one"
        ),
        Some("AccessDenied" | "AllAccessDisabled" | "AccountProblem") => format!(
            "S3_ACCESS_KEY: its account may not use the bucket `{name}` at {endpoint}; allow it s3:ListBucket there, and \
             s3:GetObject, s3:PutObject and s3:DeleteObject on what is in it"
        ),
        Some("AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException") => {
            format!("S3_REGION: the bucket `{name}` at {endpoint} is not in {region}; name its region")
        }
        Some("RequestTimeTooSkewed") => {
            format!(
                "S3_ENDPOINT: the clocks of {endpoint} and of this machine differ too much; set this one right"
            )
        }
        Some("InternalError" | "ServiceUnavailable" | "SlowDown" | "XMinioServerNotInitialized") => {
            return Finding::Away(text);
        }
        Some(code) => format!("S3_ENDPOINT: {endpoint} refuses to use the bucket `{name}`: {code}"),
        // A balancer before it.
        None if text.contains("status code: 5") => return Finding::Away(text),
        None => format!("S3_ENDPOINT: what answers at {endpoint} does not speak S3: {text}"),
    })
}
