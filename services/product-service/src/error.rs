//! The service's refusals and faults, and the matches that turn them into problems and gRPC statuses.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use souk_http::Problem;
use tonic::Status;
use wire::code::{self, Code};
use wire::rpc::Refused;

use crate::domain::{BadImage, Refusal};
use crate::images::StorageError;

/// When to try again while the database does not answer, or too many upload.
const RETRY: Duration = Duration::from_secs(2);
/// When to try again while the storage of images does not answer.
const STORAGE_RETRY: Duration = Duration::from_secs(5);

/// A refusal, or a fault that only storing can meet.
#[derive(Debug, thiserror::Error)]
pub enum ProductError {
    /// The client can mend it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error("could not {doing}")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: sqlx::Error,
    },
    /// The storage of images failed.
    #[error("could not {doing}")]
    Images {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: StorageError,
    },
    /// The database holds what cannot be.
    #[error("the database holds a bad {0}")]
    Corrupt(&'static str),
    /// Something that several requests waited for.
    #[error(transparent)]
    Shared(Arc<ProductError>),
}

impl ProductError {
    /// The refusal that this is, if it is one.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Shared(inner) => inner.refusal(),
            Self::Store { .. } | Self::Images { .. } | Self::Corrupt(_) => None,
        }
    }

    /// What the storage of images failed with, if it did.
    fn storage(&self) -> Option<&StorageError> {
        match self {
            Self::Images { source, .. } => Some(source),
            Self::Shared(inner) => inner.storage(),
            Self::Refused(_) | Self::Store { .. } | Self::Corrupt(_) => None,
        }
    }

    /// Whether waiting may help.
    fn passes(&self) -> bool {
        match self {
            Self::Store { source, .. } => pg::is_unavailable(source) || is_lock_timeout(source),
            Self::Shared(inner) => inner.passes(),
            Self::Refused(_) | Self::Images { .. } | Self::Corrupt(_) => false,
        }
    }
}

/// A row that everybody wants was not to be had in time.
fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|e| e.code())
        .is_some_and(|code| code == "55P03")
}

impl From<ProductError> for Problem {
    fn from(error: ProductError) -> Self {
        match error.refusal() {
            Some(refusal) => refusal.clone().into(),
            None if error.storage().is_some() => stored(&error),
            None if error.passes() => Self::unavailable(error, RETRY),
            None => Self::fault(error),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // `errors` names the value; what a refusal tells besides does not get there.
            Refusal::Invalid { pointer, detail } => Self::invalid_at(pointer, detail),
            Refusal::Busy | Refusal::BeingDeleted => Self::refused(refused(&refusal)).retry_after(RETRY),
            _ => Self::refused(refused(&refusal)),
        }
    }
}

/// The storage is away or full: said as that, since nothing else is wrong.
fn stored(error: &ProductError) -> Problem {
    let full = matches!(error.storage(), Some(StorageError::Full(_)));
    let causes: Vec<String> = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source())
        .map(ToString::to_string)
        .collect();
    let causes = causes.join(": ");
    match error.storage() {
        // Why it is left alone was said when it failed.
        Some(StorageError::Resting(_)) => {
            tracing::debug!(error = causes, "the storage of images is left alone")
        }
        _ => tracing::warn!(error = causes, "an image could not be stored or read"),
    }
    if full {
        Problem::new(code::STORAGE_FULL)
            .detail("There is no room for more images; nothing was stored. Tell whoever runs the shop.")
    } else {
        Problem::new(code::STORAGE_UNAVAILABLE)
            .detail("The storage of images does not answer; nothing was changed, and all else works. Try again shortly.")
            .retry_after(STORAGE_RETRY)
    }
}

impl From<ProductError> for Status {
    fn from(error: ProductError) -> Self {
        match error.refusal() {
            Some(refusal) => refused(refusal).into_status(),
            None => {
                let passes = error.passes();
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, source, "an internal call failed");
                if passes {
                    Self::unavailable("the stock cannot be reached")
                } else {
                    Self::internal("the stock cannot be changed")
                }
            }
        }
    }
}

/// The one match from refusals to codes.
fn refused(refusal: &Refusal) -> Refused {
    let (code, data): (Code, Value) = match refusal {
        Refusal::NoProduct => (code::PRODUCT_NOT_FOUND, Value::Null),
        Refusal::NoCategory => (code::CATEGORY_NOT_FOUND, Value::Null),
        Refusal::NoImage => (code::IMAGE_NOT_FOUND, Value::Null),
        Refusal::NotYours => (code::FORBIDDEN, Value::Null),
        Refusal::SkuTaken(sku) => (code::SKU_TAKEN, json!({"sku": sku})),
        Refusal::CategoryTaken(_) => (code::CATEGORY_TAKEN, Value::Null),
        Refusal::CategoryInUse(_) => (code::CATEGORY_IN_USE, Value::Null),
        Refusal::OnHandDiffers { on_hand, .. } => (code::STALE, json!({"onHand": on_hand})),
        Refusal::BadImage(BadImage::TooLarge) => (code::TOO_LARGE, Value::Null),
        Refusal::BadImage(BadImage::Kind(_)) => (code::UNSUPPORTED_MEDIA_TYPE, Value::Null),
        Refusal::BadImage(BadImage::Damaged | BadImage::TooManyPixels) => (code::INVALID_IMAGE, Value::Null),
        Refusal::Busy | Refusal::BeingDeleted => (code::BUSY, Value::Null),
        Refusal::Invalid { pointer, detail } => (
            code::INVALID,
            json!({"errors": [{"pointer": pointer, "detail": detail}]}),
        ),
        Refusal::Short { lines } => (code::INSUFFICIENT_STOCK, json!({"lines": lines})),
        Refusal::Unavailable { products } => {
            let lines: Vec<Value> = products.iter().map(|id| json!({"productId": id})).collect();
            (code::PRODUCT_UNAVAILABLE, json!({"lines": lines}))
        }
        Refusal::HoldMismatch(_) => (code::IDEMPOTENCY_MISMATCH, Value::Null),
        Refusal::HoldCancelled(_) => (code::RESERVATION_CANCELLED, Value::Null),
        Refusal::HoldLost(_) => (code::RESERVATION_LOST, Value::Null),
        Refusal::AlreadyCommitted(_) => (code::ALREADY_COMMITTED, Value::Null),
    };
    Refused {
        code,
        detail: format!("{refusal}."),
        data,
    }
}
