//! Sagas as a terminal shows them.

use wire::sagas::{SagaDetail, SagaEntry, SagaSummary};

/// A line for each.
pub fn list(sagas: &[SagaSummary]) -> String {
    if sagas.is_empty() {
        return "no saga is like that".to_owned();
    }
    let lines: Vec<String> = sagas.iter().map(headline).collect();
    lines.join("\n")
}

/// How a saga stands, in one line.
pub fn headline(saga: &SagaSummary) -> String {
    let SagaSummary {
        id,
        name,
        version,
        order_id,
        state,
        created_at,
        ..
    } = saga;
    let place = match (&saga.step, &saga.direction) {
        (Some(step), Some(direction)) => format!(" at {step} ({direction}, attempt {})", saga.attempt),
        _ => String::new(),
    };
    format!("{id:>6}  order {order_id:<6}  {name} v{version}  {state}{place}, since {created_at}")
}

/// All of it.
pub fn detail(saga: &SagaDetail) -> String {
    let mut lines = vec![headline(&saga.saga)];
    if let Some(reason) = &saga.saga.reason {
        lines.push(format!("reason   {reason}"));
    }
    if let Some(trace) = &saga.saga.trace_id {
        lines.push(format!("trace    {trace}"));
    }
    if !saga.allowed.is_empty() {
        lines.push(format!("allowed  {}", saga.allowed.join(", ")));
    }
    lines.extend(saga.timeline.iter().map(entry));
    lines.join("\n")
}

fn entry(entry: &SagaEntry) -> String {
    let SagaEntry {
        seq,
        step,
        direction,
        attempt,
        outcome,
        started_at,
        duration_ms,
        ..
    } = entry;
    let more = match (&entry.by, &entry.error, &entry.detail) {
        (Some(by), ..) => format!("  by {}: {}", by.actor, by.reason),
        (None, Some(error), _) => format!("  {error}"),
        (None, None, Some(detail)) => format!("  {detail}"),
        (None, None, None) => String::new(),
    };
    format!(
        "{seq:>4}  {started_at}  {direction:<7}  {step:<13}  #{attempt:<3}  {outcome:<9}  {duration_ms:>6} ms{more}"
    )
}
