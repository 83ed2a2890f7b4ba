//! `/v1/events`.

use axum::extract::Path;
use axum::response::Response;

use super::list::Paging;
use super::request::Call;
use crate::error::ApiError;
use crate::objects::Event;
use crate::state::{EVENTS_KEPT, Row as _, State};

/// Gives one event.
pub(super) async fn retrieve(Path(id): Path<String>, call: Call) -> Response {
    call.read_at(|state, now, params| {
        params.finish()?;
        let found = state
            .events
            .position(&id)
            .and_then(|at| Some((at, state.events.at(at)?)))
            .filter(|(_, event)| event.created > now - EVENTS_KEPT);
        let (position, event) = found.ok_or_else(|| ApiError::missing(Event::NOUN, "id", &id))?;
        Ok(event.render(pending(state, position)))
    })
    .await
}

/// Lists events, of some types or of all.
pub(super) async fn list(call: Call) -> Response {
    call.read_at(|state, now, params| {
        let paging = Paging::take(params)?;
        let kind = params.word("type")?;
        let kinds = params.list("types")?.unwrap_or_default();
        params.finish()?;
        let wanted = |event: &Event| {
            event.created > now - EVENTS_KEPT
                && kind.as_ref().is_none_or(|k| matches(k, &event.kind))
                && (kinds.is_empty() || kinds.iter().any(|k| matches(k, &event.kind)))
        };
        paging.page(&state.events, "/v1/events", wanted, |at, event| {
            event.render(pending(state, at))
        })
    })
    .await
}

/// `charge.*` is every event of charges.
fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => pattern == kind,
    }
}

fn pending(state: &State, position: usize) -> usize {
    usize::from(state.queue.holds(position))
}
