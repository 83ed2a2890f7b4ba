//! Sagas as admins see them. What a saga has learnt stays inside: it holds what customers pay with.

use saga::{LogEntry, Reason, Summary, View};
use types::rfc3339;
use wire::sagas::{SagaDetail, SagaEntry, SagaIntervener, SagaSummary};

use crate::ops::intervene::desk;

/// The longest reason, in characters.
pub const REASON: usize = 500;

/// A saga in a list.
pub fn summary(saga: Summary) -> SagaSummary {
    SagaSummary {
        id: saga.id,
        name: saga.name,
        version: saga.version,
        order_id: saga.subject_id,
        state: saga.state.name().to_owned(),
        direction: saga.direction,
        step: saga.step,
        attempt: saga.attempt,
        reason: saga.reason.as_ref().and_then(reason),
        trace_id: trace_id(&saga.trace),
        created_at: rfc3339(saga.created_at),
        updated_at: rfc3339(saga.updated_at),
        wake_at: rfc3339(saga.wake_at),
    }
}

/// A saga with its timeline, and what can be done to it.
pub fn detail(view: &View) -> SagaDetail {
    let allowed = desk().allowed(view);
    SagaDetail {
        saga: SagaSummary {
            id: view.id,
            name: view.name.clone(),
            version: view.version,
            order_id: view.subject_id,
            state: view.state.name().to_owned(),
            direction: view.direction.clone(),
            step: view.step.clone(),
            attempt: view.attempt,
            reason: view.reason.as_ref().and_then(reason),
            trace_id: trace_id(&view.trace),
            created_at: rfc3339(view.created_at),
            updated_at: rfc3339(view.updated_at),
            wake_at: rfc3339(view.wake_at),
        },
        allowed: allowed.into_iter().map(|what| what.name().to_owned()).collect(),
        timeline: view.log.iter().map(entry).collect(),
    }
}

fn entry(entry: &LogEntry) -> SagaEntry {
    let error = entry.detail.as_ref().and_then(|detail| detail.get("error"));
    SagaEntry {
        seq: entry.seq,
        step: entry.step.clone(),
        direction: entry.direction.clone(),
        attempt: entry.attempt,
        outcome: entry.outcome.clone(),
        error: error.and_then(|error| error.as_str().map(str::to_owned)),
        detail: entry.detail.clone().filter(|_| error.is_none()),
        started_at: rfc3339(entry.started_at),
        duration_ms: entry.took.as_millis().try_into().unwrap_or(u64::MAX),
        by: entry.by.as_ref().map(|by| SagaIntervener {
            actor: by.actor.clone(),
            reason: by.note.clone(),
            request_id: by.request_id.clone(),
            network: by.network.clone(),
        }),
    }
}

fn reason(reason: &Reason) -> Option<serde_json::Value> {
    serde_json::to_value(reason).ok()
}

/// The trace in a `traceparent`.
fn trace_id(traceparent: &str) -> Option<String> {
    traceparent.split('-').nth(1).map(str::to_owned)
}
