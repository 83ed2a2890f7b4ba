//! Requests with an `Idempotency-Key`: the row that remembers the key is written by the transaction of the work (IDK-4).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};
use pg::idempotency::{self, Begin, Scope, StoredAnswer};
use serde::Serialize;
use souk_http::{Caller, IdempotencyKey, Problem};
use sqlx::PgConnection;
use time::OffsetDateTime;
use wire::code;

use crate::config::KEYS_KEPT;
use crate::store::fault;

/// How long the work may take before another request may do it.
const LEASE: Duration = Duration::from_secs(60);

/// A request that may have been made before.
pub(super) struct Once {
    principal: String,
    route: &'static str,
    key: Option<String>,
    body_hash: Vec<u8>,
}

impl Once {
    /// `caller`'s request to `route` with `key`, if it has one.
    pub(super) fn new(caller: &Caller, route: &'static str, key: IdempotencyKey, body_hash: Vec<u8>) -> Self {
        Self {
            principal: format!("user:{}", caller.id),
            route,
            key: key.0,
            body_hash,
        }
    }

    /// The first answer again, if this was done. Else the work is to be done, in this transaction.
    pub(super) async fn begin(
        &self,
        conn: &mut PgConnection,
        now: OffsetDateTime,
    ) -> Result<Option<Response>, Problem> {
        let Some(scope) = self.scope() else {
            return Ok(None);
        };
        let begun = idempotency::begin(conn, &scope, now, LEASE, KEYS_KEPT)
            .await
            .map_err(fault("look for an earlier request"))?;
        match begun {
            Begin::New | Begin::Unfinished { .. } => Ok(None),
            Begin::Replay(answer) => Ok(Some(replay(answer))),
            Begin::Mismatch => Err(Problem::new(code::IDEMPOTENCY_MISMATCH)
                .detail("The key was used with another body; use a new key for a new request.")),
            Begin::InProgress { retry_after } => {
                Err(Problem::new(code::IDEMPOTENCY_IN_PROGRESS).retry_after(retry_after))
            }
        }
    }

    /// Remembers the answer, in the transaction of the work, and makes it.
    pub(super) async fn finish(
        &self,
        conn: &mut PgConnection,
        status: StatusCode,
        headers: Vec<(HeaderName, String)>,
        body: &impl Serialize,
    ) -> Result<Response, Problem> {
        let body = serde_json::to_vec(body).map_err(Problem::fault)?;
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.to_string(), value))
            .collect();
        let answer = StoredAnswer {
            status: status.as_u16(),
            headers,
            body,
        };
        if let Some(scope) = self.scope() {
            idempotency::finish(conn, &scope, &answer)
                .await
                .map_err(fault("remember the answer"))?;
        }
        Ok(response(answer))
    }

    fn scope(&self) -> Option<Scope<'_>> {
        self.key.as_deref().map(|key| Scope {
            principal: &self.principal,
            route: self.route,
            key,
            body_hash: &self.body_hash,
        })
    }
}

fn replay(answer: StoredAnswer) -> Response {
    let mut response = response(answer);
    response
        .headers_mut()
        .insert("idempotent-replayed", HeaderValue::from_static("true"));
    response
}

fn response(answer: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, [(CONTENT_TYPE, "application/json")], answer.body).into_response();
    for (name, value) in answer.headers {
        let known = [ETAG, LOCATION].into_iter().find(|n| n.as_str() == name);
        if let (Some(name), Ok(value)) = (known, HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
