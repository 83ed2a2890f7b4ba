//! JSON bodies of the routes by which admins look after jobs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::list::Pagination;

/// Work that is done later.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its id.
    pub id: i64,
    /// What it is listed and counted under.
    pub queue: String,
    /// What is to be done.
    pub kind: String,
    /// What it is to be done with: ids and words, no personal data.
    #[schema(value_type = Object)]
    pub payload: serde_json::Value,
    /// high, normal or low.
    pub priority: String,
    /// waiting, running, done or dead.
    pub state: String,
    /// How often it was begun since it was enqueued or requeued.
    pub attempts: i32,
    /// How often it may be.
    pub max_attempts: i32,
    /// Not before this.
    pub run_at: String,
    /// Until when a worker holds it; null if none does.
    pub lease_until: Option<String>,
    /// What it shares with no other job of its queue that has not ended.
    pub unique_key: Option<String>,
    /// What the latest attempt that failed said.
    pub last_error: Option<String>,
    /// The trace of the request that enqueued it, as the logs have it.
    pub trace_id: Option<String>,
    /// When it was enqueued.
    pub created_at: String,
    /// When it was done or given up.
    pub ended_at: Option<String>,
}

/// What one queue holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueDepth {
    /// The queue.
    pub queue: String,
    /// Due, and not begun.
    pub due: i64,
    /// To be run later.
    pub delayed: i64,
    /// Held by workers.
    pub running: i64,
    /// Given up, until somebody decides.
    pub dead: i64,
    /// How long the oldest due job has waited.
    pub oldest_due_seconds: u64,
}

/// What the queues hold, and a page of jobs, the latest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    /// Each queue that holds anything, whatever page this is.
    pub queues: Vec<QueueDepth>,
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Where the page stands.
    pub pagination: Pagination,
}
