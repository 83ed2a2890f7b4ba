//! Jobs as admins see them.

use pg::jobs::{Depth, View};
use time::OffsetDateTime;
use types::rfc3339;
use wire::jobs::{Job, QueueDepth};

/// A job.
pub fn job(view: View) -> Job {
    Job {
        id: view.id,
        queue: view.queue,
        kind: view.kind,
        payload: view.payload,
        priority: view.priority.name().to_owned(),
        state: view.state.name().to_owned(),
        attempts: view.attempts,
        max_attempts: view.max_attempts,
        run_at: rfc3339(view.run_at),
        lease_until: view.lease_until.map(rfc3339),
        unique_key: view.unique_key,
        last_error: view.last_error,
        trace_id: view.trace.split('-').nth(1).map(str::to_owned),
        created_at: rfc3339(view.created_at),
        ended_at: view.ended_at.map(rfc3339),
    }
}

/// What a queue holds.
pub fn depth(depth: Depth, now: OffsetDateTime) -> QueueDepth {
    QueueDepth {
        oldest_due_seconds: depth.age(now).as_secs(),
        queue: depth.queue,
        due: depth.due,
        delayed: depth.delayed,
        running: depth.running,
        dead: depth.dead,
    }
}
