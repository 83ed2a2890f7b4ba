//! Requests with an `Idempotency-Key`: done once, answered alike for a day. What was refused is not remembered, nor is
//! what failed without effect: nothing came of it, and asking again is harmless.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use pg::idempotency::{self, Begin, Scope, StoredAnswer};
use serde::Serialize;
use souk_http::{Caller, IdempotencyKey, Json, Problem, body_hash};
use wire::code;

use crate::AppState;
use crate::error::PaymentError;
use crate::store::fault;

/// How long answers are kept.
const KEEP: Duration = Duration::from_secs(24 * 3600);

/// A request that may have been made before.
pub(super) struct Once {
    principal: String,
    route: &'static str,
    key: Option<String>,
    hash: Vec<u8>,
}

/// What to do with it.
pub(super) enum Turn {
    /// Do the work.
    Work,
    /// An earlier one made this, and died before it could say so.
    Resume(i64),
    /// Give this answer again.
    Answered(Response),
}

impl Once {
    pub(super) fn new(caller: &Caller, route: &'static str, key: IdempotencyKey, body: &[u8]) -> Self {
        Self {
            principal: format!("user:{}", caller.id),
            route,
            key: key.0,
            hash: body_hash(body),
        }
    }

    /// As the rows know it; nothing without a key.
    pub(super) fn scope(&self) -> Option<Scope<'_>> {
        self.key.as_ref().map(|key| Scope {
            principal: &self.principal,
            route: self.route,
            key,
            body_hash: &self.hash,
        })
    }

    /// Claims the key.
    pub(super) async fn begin(&self, app: &AppState) -> Result<Turn, Problem> {
        let Some(scope) = self.scope() else {
            return Ok(Turn::Work);
        };
        let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
        let begun = idempotency::begin(&mut conn, &scope, app.clock.now(), app.call_lease, KEEP).await;
        match begun.map_err(fault("look for the idempotency key"))? {
            Begin::New => Ok(Turn::Work),
            Begin::Unfinished { subject_id } => Ok(Turn::Resume(subject_id)),
            Begin::Replay(answer) => Ok(Turn::Answered(replay(answer))),
            Begin::Mismatch => Err(Problem::new(code::IDEMPOTENCY_MISMATCH)
                .detail("This Idempotency-Key came with another body before; use a new one.")),
            Begin::InProgress { retry_after } => {
                Err(Problem::new(code::IDEMPOTENCY_IN_PROGRESS).retry_after(retry_after))
            }
        }
    }

    /// Remembers the outcome and answers with it.
    pub(super) async fn end<T: Serialize>(
        &self,
        app: &AppState,
        outcome: Result<T, PaymentError>,
    ) -> Result<Response, Problem> {
        let Some(scope) = self.scope() else {
            return Ok(Json(outcome?).into_response());
        };
        let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
        match outcome {
            Ok(body) => {
                let answer = StoredAnswer {
                    status: 200,
                    headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                    body: serde_json::to_vec(&body).map_err(Problem::fault)?,
                };
                let stored = idempotency::finish(&mut conn, &scope, &answer).await;
                stored.map_err(fault("remember the answer"))?;
                Ok(Json(body).into_response())
            }
            Err(error) => {
                if let Err(error) = idempotency::abandon(&mut conn, &scope).await {
                    tracing::warn!(%error, "an idempotency key stays taken until its lease ends");
                }
                Err(error.into())
            }
        }
    }
}

fn replay(answer: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    let replayed = HeaderName::from_static("idempotent-replayed");
    response
        .headers_mut()
        .insert(replayed, HeaderValue::from_static("true"));
    response
}
