//! The two sagas of an order: checkout, and the cancellation of one that was paid.

pub mod cancellation;
pub mod checkout;

use futures::future::BoxFuture;
use runtime::context::{self, Context};
use saga::{StepError, UndoError};

use crate::NAME;
use crate::error::OrderError;
use crate::peers::PeerError;

/// Runs a saga's work for the request that started it: that request itself while it waits, and its trace later.
pub(crate) fn in_context(trace: &str, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
    let asking = context::current().filter(|c| trace.contains(&c.trace_id));
    let context = asking.unwrap_or_else(|| Context::from_traceparent(NAME, Some(trace)));
    Box::pin(context::scope(context, work))
}

/// A clear no refuses the step; anything else leaves its outcome unknown.
pub(crate) fn step_error(error: PeerError) -> StepError {
    match error {
        PeerError::Refused(refused) => StepError::Refused(saga::Refused {
            code: refused.code.slug.to_owned(),
            detail: serde_json::json!({"detail": refused.detail, "data": refused.data}),
        }),
        unknown @ PeerError::Unknown { .. } => StepError::Unknown(unknown.into()),
    }
}

/// What the database did not do may yet be done.
pub(crate) fn unknown(error: impl Into<OrderError>) -> StepError {
    StepError::Unknown(error.into().into())
}

/// Undoing goes on until it succeeds, whatever was the matter.
pub(crate) fn undo_error(error: impl std::error::Error + Send + Sync + 'static) -> UndoError {
    UndoError(error.into())
}
