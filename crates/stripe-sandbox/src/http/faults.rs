//! `/_sandbox/faults`: rules by which requests and webhooks go wrong.

use axum::extract::Path;
use axum::response::Response;
use serde_json::json;

use super::request::Call;
use crate::error::ApiError;

/// Adds a rule.
pub(super) async fn create(call: Call) -> Response {
    call.control(|sandbox, params| sandbox.add_fault(params))
}

/// Lists the rules.
pub(super) async fn list(call: Call) -> Response {
    call.control(|sandbox, params| {
        params.finish()?;
        Ok(sandbox.faults())
    })
}

/// Takes all rules back.
pub(super) async fn clear(call: Call) -> Response {
    call.control(|sandbox, params| {
        params.finish()?;
        Ok(json!({"cleared": sandbox.clear_faults(None)}))
    })
}

/// Takes one rule back.
pub(super) async fn remove(Path(id): Path<String>, call: Call) -> Response {
    call.control(|sandbox, params| {
        params.finish()?;
        match sandbox.clear_faults(Some(&id)) {
            0 => Err(ApiError::missing("fault", "id", &id)),
            cleared => Ok(json!({"cleared": cleared})),
        }
    })
}
