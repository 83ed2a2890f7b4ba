//! Failures as RFC 9457 problem documents.

use std::error::Error;
use std::fmt::Display;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use runtime::context;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use wire::code::{self, Code};

/// Where a problem's page is; the word is appended.
const TYPE_BASE: &str = "https://souk.example/problems/";
/// The members of every problem; a second one of the same name would make two readers read two things.
const OWN_MEMBERS: [&str; 7] = ["type", "title", "status", "detail", "code", "requestId", "errors"];

/// A failure that is answered to the client. Holds nothing that the client may not see.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    detail: Option<String>,
    errors: Vec<FieldError>,
    more: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One value that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body (RFC 6901), or `/query/name`.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// The body of every failure (`application/problem+json`).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemBody {
    /// A page that explains this kind of failure.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in a few words; always the same for one `code`.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened this time, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The stable word for this kind of failure.
    code: String,
    /// Quote it when asking for help.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// Every value that is not valid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// More, by kind.
    #[serde(flatten)]
    #[schema(ignore)]
    more: Map<String, Value>,
}

impl Problem {
    /// A failure of this kind.
    #[must_use]
    pub fn new(code: Code) -> Self {
        let inner = Inner {
            code,
            detail: None,
            errors: Vec::new(),
            more: Map::new(),
            headers: Vec::new(),
        };
        let problem = Self(Box::new(inner));
        match code.status {
            401 => problem.header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            _ => problem,
        }
    }

    /// A fault of ours: its causes are logged here, once, and the client learns nothing of them.
    #[must_use]
    pub fn fault(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        tracing::error!(error = %chain(error.as_ref()), "a request failed");
        Self::new(code::INTERNAL)
            .detail("The failure was logged; try again, and quote the requestId if it stays.")
    }

    /// Something that we need does not answer; try again after `retry`. The cause is logged.
    #[must_use]
    pub fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>, retry: Duration) -> Self {
        let error = error.into();
        tracing::warn!(error = %chain(error.as_ref()), "a request could not be served for now");
        Self::new(code::UNAVAILABLE)
            .detail("Nothing was changed; try again shortly.")
            .retry_after(retry)
    }

    /// Values that are not valid.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} values are not valid; `errors` names them.", many.len()),
        };
        let mut problem = Self::new(code::INVALID).detail(detail);
        problem.0.errors = errors;
        problem
    }

    /// One value that is not valid.
    #[must_use]
    pub fn invalid_at(pointer: impl Into<String>, detail: impl Display) -> Self {
        Self::invalid(vec![FieldError {
            pointer: pointer.into(),
            detail: detail.to_string(),
        }])
    }

    /// A refusal that a neighbour gave, passed on as it is.
    #[must_use]
    pub fn refused(refused: wire::rpc::Refused) -> Self {
        let problem = Self::new(refused.code).detail(refused.detail);
        match refused.data {
            Value::Object(data) => data
                .into_iter()
                .fold(problem, |problem, (name, value)| problem.with(&name, value)),
            _ => problem,
        }
    }

    /// Says what happened this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds a member. Those that every problem has cannot be replaced.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        if !OWN_MEMBERS.contains(&name) {
            let value = serde_json::to_value(value).unwrap_or(Value::Null);
            self.0.more.insert(name.to_owned(), value);
        }
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)))
    }

    /// Its kind.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Inner {
            code,
            detail,
            errors,
            more,
            headers,
        } = *self.0;
        let body = ProblemBody {
            kind: format!("{TYPE_BASE}{}", code.slug),
            title: code.title.to_owned(),
            status: code.status,
            detail,
            code: code.slug.to_owned(),
            request_id: context::current().map(|c| c.request_id),
            errors,
            more,
        };
        let status = StatusCode::from_u16(code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(body)).into_response();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// An error with all its causes, for the log.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // GW-13
    #[test]
    fn what_a_neighbour_tells_besides_does_not_replace_what_every_problem_has() {
        let refused = wire::rpc::Refused {
            code: code::NOT_PAYABLE,
            detail: "order 81 is cancelled".to_owned(),
            data: json!({"status": "cancelled", "orderStatus": "cancelled"}),
        };
        let more = Problem::refused(refused).0.more;
        assert_eq!(Value::Object(more), json!({"orderStatus": "cancelled"}));
    }
}
