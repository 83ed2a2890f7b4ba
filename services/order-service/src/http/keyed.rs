//! Requests under an `Idempotency-Key`: the header's key and the database's row, joined.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use pg::idempotency::{self, Begin, Scope, StoredAnswer};
use souk_http::{Caller, Problem};
use wire::code;

use crate::state::AppState;
use crate::store::fault;

/// How long an answer is given again.
const KEEP: Duration = Duration::from_secs(72 * 3600);
/// Headers that belong to an answer.
const KEPT: [HeaderName; 2] = [http::header::CONTENT_TYPE, http::header::LOCATION];

/// A key that this request holds.
#[derive(Clone, Debug)]
pub struct Held(idempotency::Key);

/// What to do with a keyed request.
pub enum Claim {
    /// Do the work, then [`Held::finish`] or [`Held::abandon`].
    New(Held),
    /// The first request died after it had made this; answer from it, then [`Held::finish`].
    Unfinished(Held, i64),
    /// It was answered before.
    Replay(Response),
}

impl Held {
    fn new(caller: &Caller, route: &'static str, key: String, body_hash: Vec<u8>) -> Self {
        Self(idempotency::Key {
            principal: format!("user:{}", caller.id),
            route,
            key,
            body_hash,
        })
    }

    /// Which row it is.
    pub fn scope(&self) -> Scope<'_> {
        self.0.scope()
    }

    /// Which row it is, for those who outlive the request.
    pub fn key(&self) -> idempotency::Key {
        self.0.clone()
    }

    /// Keeps the answer for repetitions, and gives it.
    pub async fn finish(self, app: &AppState, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return Problem::fault(error).into_response(),
        };
        let text = |name: &HeaderName| parts.headers.get(name)?.to_str().ok().map(str::to_owned);
        let headers = KEPT
            .iter()
            .filter_map(|name| Some((name.to_string(), text(name)?)));
        let answer = StoredAnswer {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: body.to_vec(),
        };
        let stored = async {
            let mut conn = app.db.acquire().await?;
            idempotency::finish(&mut conn, &self.scope(), &answer).await
        };
        if let Err(error) = stored.await {
            // The order stands, and a repetition is answered from it.
            tracing::warn!(%error, "the answer to a keyed request could not be kept");
        }
        Response::from_parts(parts, Body::from(body))
    }

    /// Gives the key back: nothing was done.
    pub async fn abandon(self, app: &AppState) {
        let given_back = async {
            let mut conn = app.db.acquire().await?;
            idempotency::abandon(&mut conn, &self.scope()).await
        };
        if let Err(error) = given_back.await {
            tracing::warn!(%error, "a key could not be given back; it is free when its lease ends");
        }
    }
}

/// Claims `key` for the caller's request to `route`.
pub async fn claim(
    app: &AppState,
    caller: &Caller,
    route: &'static str,
    (key, body_hash): (String, Vec<u8>),
) -> Result<Claim, Problem> {
    let held = Held::new(caller, route, key, body_hash);
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    let begun = idempotency::begin(&mut conn, &held.scope(), app.clock.now(), app.key_lease, KEEP).await;
    settle(held, begun.map_err(fault("claim the key"))?)
}

/// What [`claim`] would say, without claiming: a key of [`Claim::New`] is not held, and is neither finished nor abandoned.
/// [`Claim::New`] too while the database has no connection to spare: those who look are no part of its work.
pub async fn look(
    app: &AppState,
    caller: &Caller,
    route: &'static str,
    (key, body_hash): (String, Vec<u8>),
) -> Result<Claim, Problem> {
    let held = Held::new(caller, route, key, body_hash);
    let Some(mut conn) = app.db.try_acquire() else {
        return Ok(Claim::New(held));
    };
    let found = idempotency::look(&mut conn, &held.scope(), app.clock.now(), KEEP).await;
    settle(
        held,
        found.map_err(fault("look the key up"))?.unwrap_or(Begin::New),
    )
}

fn settle(held: Held, begun: Begin) -> Result<Claim, Problem> {
    match begun {
        Begin::New => Ok(Claim::New(held)),
        Begin::Unfinished { subject_id } => Ok(Claim::Unfinished(held, subject_id)),
        Begin::Replay(answer) => Ok(Claim::Replay(replay(answer))),
        Begin::Mismatch => Err(Problem::new(code::IDEMPOTENCY_MISMATCH)
            .detail("This Idempotency-Key came with another body before; use a new key for a new request.")),
        Begin::InProgress { retry_after } => Err(in_progress().retry_after(retry_after)),
    }
}

/// The first request with this key still runs.
pub fn in_progress() -> Problem {
    Problem::new(code::IDEMPOTENCY_IN_PROGRESS)
        .detail("The first request with this Idempotency-Key is still being worked on; repeat it shortly.")
}

fn replay(answer: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.remove(http::header::CONTENT_TYPE);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            headers.insert(name, value);
        }
    }
    headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    response
}
