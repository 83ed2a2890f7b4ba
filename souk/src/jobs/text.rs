//! Jobs as a terminal shows them.

use wire::jobs::{Job, QueueDepth};

/// A line for each queue, and one for each job.
pub fn list(queues: &[QueueDepth], jobs: &[Job]) -> String {
    let mut lines: Vec<String> = queues.iter().map(depth).collect();
    if jobs.is_empty() {
        lines.push("no job is like that".to_owned());
    }
    lines.extend(jobs.iter().map(headline));
    lines.join("\n")
}

fn depth(queue: &QueueDepth) -> String {
    let QueueDepth {
        queue: name,
        due,
        delayed,
        running,
        dead,
        oldest_due_seconds,
    } = queue;
    format!(
        "queue {name}: {due} due (the oldest for {oldest_due_seconds} s), {delayed} delayed, {running} running, {dead} dead"
    )
}

/// How a job stands, in one line.
pub fn headline(job: &Job) -> String {
    let Job {
        id,
        queue,
        kind,
        state,
        attempts,
        max_attempts,
        run_at,
        ..
    } = job;
    let when = match state.as_str() {
        "waiting" => format!(", due {run_at}"),
        _ => String::new(),
    };
    let error = job.last_error.as_ref().map(|error| format!(": {error}"));
    format!(
        "{id:>6}  {queue}/{kind}  {state}, attempt {attempts} of {max_attempts}{when}{}",
        error.unwrap_or_default()
    )
}

/// All of it.
pub fn detail(job: &Job) -> String {
    let mut lines = vec![headline(job)];
    let mut row = |name: &str, value: Option<&str>| {
        lines.extend(value.map(|value| format!("{name:<10} {value}")));
    };
    row("payload", Some(&job.payload.to_string()));
    row("priority", Some(&job.priority));
    row("key", job.unique_key.as_deref());
    row("held until", job.lease_until.as_deref());
    row("trace", job.trace_id.as_deref());
    row("enqueued", Some(&job.created_at));
    row("ended", job.ended_at.as_deref());
    lines.join("\n")
}
