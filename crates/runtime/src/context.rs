//! What belongs to one request and follows it through every service: its id and its trace.

use std::future::Future;

use http::{HeaderMap, HeaderValue};
use types::holds_card_number;
use uuid::Uuid;

tokio::task_local! {
    static CURRENT: Context;
}

/// The header that carries the request id.
pub const REQUEST_ID: &str = "x-request-id";
/// The header of W3C Trace Context.
pub const TRACEPARENT: &str = "traceparent";

/// The request that the current task works for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The service that works now, for logs.
    pub service: &'static str,
    /// `X-Request-Id`, taken or made at the gateway.
    pub request_id: String,
    /// The trace id of W3C Trace Context, 32 hex digits.
    pub trace_id: String,
}

impl Context {
    /// A context of its own, for work that no request started.
    #[must_use]
    pub fn background(service: &'static str) -> Self {
        let id = Uuid::now_v7();
        Self {
            service,
            request_id: id.to_string(),
            trace_id: id.simple().to_string(),
        }
    }

    /// Continues the context in `headers`: a request id of 8 to 64 letters, digits, `_`, `-` and a well-formed
    /// `traceparent` are taken, anything else is replaced (GW-12), and so is a card number (PAY-18).
    #[must_use]
    pub fn from_headers(service: &'static str, headers: &HeaderMap) -> Self {
        let fresh = Self::background(service);
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        Self {
            service,
            request_id: text(REQUEST_ID)
                .filter(|id| is_request_id(id))
                .map_or(fresh.request_id, str::to_owned),
            trace_id: text(TRACEPARENT)
                .and_then(trace_id_of)
                .map_or(fresh.trace_id, str::to_owned),
        }
    }

    /// Continues a stored trace (the `traceparent` that a saga or an event keeps).
    #[must_use]
    pub fn from_traceparent(service: &'static str, traceparent: Option<&str>) -> Self {
        let fresh = Self::background(service);
        match traceparent.and_then(trace_id_of) {
            Some(id) => Self {
                trace_id: id.to_owned(),
                ..fresh
            },
            None => fresh,
        }
    }

    /// This context as a `traceparent`, with a span id of its own.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let span = Uuid::now_v7().simple().to_string();
        let span = span.get(16..).unwrap_or("0000000000000001");
        format!("00-{}-{span}-01", self.trace_id)
    }

    /// Writes both headers for a call to a neighbour.
    pub fn write(&self, headers: &mut HeaderMap) {
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert(REQUEST_ID, id);
        }
        if let Ok(trace) = HeaderValue::from_str(&self.traceparent()) {
            headers.insert(TRACEPARENT, trace);
        }
    }
}

/// The context of the current task, if it works for a request.
#[must_use]
pub fn current() -> Option<Context> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs `work` for `context`.
pub async fn scope<F: Future>(context: Context, work: F) -> F::Output {
    CURRENT.scope(context, work).await
}

fn is_request_id(text: &str) -> bool {
    (8..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        // It stands on every line of the log.
        && !holds_card_number(text)
}

/// The trace id of `version-traceid-spanid-flags`.
fn trace_id_of(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let hex = |s: &str, len| {
        s.len() == len
            && s.bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let valid = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(span, 16);
    (valid && trace.bytes().any(|b| b != b'0') && parts.next().is_some()).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    // GW-12, PAY-18
    #[test]
    fn a_well_formed_request_id_and_trace_are_continued_and_others_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("abc-12345"));
        headers.insert(
            TRACEPARENT,
            HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        );
        let context = Context::from_headers("x", &headers);
        assert_eq!(context.request_id, "abc-12345");
        assert_eq!(context.trace_id, "0af7651916cd43dd8448eb211c80319c");

        for bad in [
            "short",
            "has space in it",
            "ünïcode-id",
            "4242424242424242",
            "pay-4242-4242-4242-4242",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(bad.as_bytes()).unwrap());
            headers.insert(TRACEPARENT, HeaderValue::from_static("00-zz-b7ad6b7169203331-01"));
            let context = Context::from_headers("x", &headers);
            assert_ne!(context.request_id, bad);
            assert_eq!(context.trace_id.len(), 32);
        }
    }
}
