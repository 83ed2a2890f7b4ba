//! Faults on demand, as the sandbox meets them.

use std::sync::{MutexGuard, PoisonError};

use http::Method;
use serde_json::Value;

use super::Sandbox;
use crate::error::ApiError;
use crate::faults::{Fault, Faults, Mischief};
use crate::form::Params;
use crate::id;

impl Sandbox {
    /// Adds the rule that `params` describe.
    pub(crate) fn add_fault(&self, params: &mut Params) -> Result<Value, ApiError> {
        self.rules().add(id::random("fault"), params)
    }

    /// All rules.
    pub(crate) fn faults(&self) -> Value {
        self.rules().render()
    }

    /// Takes back one rule, or all; what they held back goes on its way.
    pub(crate) fn clear_faults(&self, id: Option<&str>) -> usize {
        let cleared = self.rules().clear(id);
        self.lock().state.queue.release();
        self.webhooks.notify_one();
        cleared
    }

    /// How this request goes wrong.
    pub(crate) fn fault_of_request(&self, method: &Method, path: &str) -> Option<Fault> {
        self.rules().on_request(method, path)
    }

    /// How this delivery goes wrong.
    pub(super) fn fault_of_webhook(&self, kind: &str, holds: bool) -> Option<Mischief> {
        self.rules().on_webhook(kind, holds)
    }

    fn rules(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
