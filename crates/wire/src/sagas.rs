//! JSON bodies of the routes by which admins look after sagas.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::list::Pagination;

/// A saga in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SagaSummary {
    /// Its id.
    pub id: i64,
    /// `checkout` or `cancellation`.
    pub name: String,
    /// The version of the definition that it was started under, and is finished under.
    pub version: u16,
    /// The order that it is about.
    pub order_id: i64,
    /// One of running, parked, stuck, done, undone, diverted.
    pub state: String,
    /// `forward`, `undo` or `branch`; null once it has ended.
    pub direction: Option<String>,
    /// The step that is next, or whose answer is waited for; null once it has ended.
    pub step: Option<String>,
    /// How often that step was called.
    pub attempt: u32,
    /// Why it turned back or got stuck: a `kind`, the `step`, and what was said.
    #[schema(value_type = Option<Object>)]
    pub reason: Option<serde_json::Value>,
    /// The trace of the request that started it, as the logs have it.
    pub trace_id: Option<String>,
    /// When it was started.
    pub created_at: String,
    /// When it last moved or was taken up.
    pub updated_at: String,
    /// Nothing is to be done before this.
    pub wake_at: String,
}

/// A page of sagas, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SagaList {
    /// The sagas.
    pub sagas: Vec<SagaSummary>,
    /// Where the page stands.
    pub pagination: Pagination,
}

/// A saga with all that it did.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SagaDetail {
    /// How it stands.
    pub saga: SagaSummary,
    /// What can be done to it now: `retry`, `skip`, `abandon`; nothing unless it is stuck.
    pub allowed: Vec<String>,
    /// Its attempts and interventions, in order.
    pub timeline: Vec<SagaEntry>,
}

/// An attempt whose answer was recorded, or what a person did.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SagaEntry {
    /// 1, 2, 3 …
    pub seq: u32,
    /// Which step.
    pub step: String,
    /// `forward`, `undo` or `branch`.
    pub direction: String,
    /// Which call of that step. One that is missing died unanswered.
    pub attempt: u32,
    /// One of succeeded, parked, diverted, refused, unknown; or retried, skipped, abandoned by a person.
    pub outcome: String,
    /// What was seen, where the outcome is not known.
    pub error: Option<String>,
    /// The refusal, how long it waits, or how it stood before and after an intervention.
    #[schema(value_type = Option<Object>)]
    pub detail: Option<serde_json::Value>,
    /// When it began.
    pub started_at: String,
    /// How long it took.
    pub duration_ms: u64,
    /// Who intervened, where a person did.
    pub by: Option<SagaIntervener>,
}

/// Who intervened, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SagaIntervener {
    /// Such as `admin:7`, or `operator` from the command line.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The request that asked for it.
    pub request_id: Option<String>,
    /// The network that it came from.
    pub network: Option<String>,
}

/// What is said with an intervention.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct Intervene {
    /// Why: 1 to 500 characters, kept for good.
    #[serde(default)]
    #[schema(required = true)]
    pub reason: String,
}
