//! One call: who it is from, its parameters, and the answer to it.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::{IDEMPOTENCY_KEY, REQUEST_ID, RequestId};
use crate::auth;
use crate::error::ApiError;
use crate::expand;
use crate::faults::{Broken, Fault};
use crate::form::{Params, pairs};
use crate::idempotency::{Answer, Asked};
use crate::objects::Cause;
use crate::sandbox::{Outcome, Sandbox, Transaction};
use crate::state::State;

/// The largest body.
const LIMIT: usize = 64 * 1024;
/// What is never made to go wrong.
const CONTROL: &str = "/_sandbox/";

/// A call with the right key and parameters that can be read.
pub(super) struct Call {
    sandbox: Arc<Sandbox>,
    asked: Option<Asked>,
    cause: Cause,
    /// How it goes wrong.
    fault: Option<Fault>,
    /// Ids that are to become objects.
    expand: Vec<String>,
    params: Params,
}

impl FromRequest<Arc<Sandbox>> for Call {
    type Rejection = ApiError;

    async fn from_request(request: Request, sandbox: &Arc<Sandbox>) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        auth::require(&sandbox.config().api_key, &parts.headers)?;
        let json = parts
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|t| t.as_bytes().starts_with(b"application/json"));
        if json {
            return Err(ApiError::bad_request(
                "Invalid request: send parameters form-encoded (application/x-www-form-urlencoded), not as JSON.",
            ));
        }
        let body = to_bytes(body, LIMIT).await.map_err(|_| ApiError::too_large())?;
        let mut given = pairs(parts.uri.query().unwrap_or_default().as_bytes())?;
        given.extend(pairs(&body)?);
        let key = parts
            .headers
            .get(IDEMPOTENCY_KEY)
            .filter(|_| parts.method == Method::POST)
            .map(|key| key.to_str().unwrap_or_default().to_owned());
        let asked = key
            .clone()
            .map(|key| Asked::new(key, parts.uri.path(), &given))
            .transpose()?;
        let mut params = Params::new(&given)?;
        let expand = params.list("expand")?.unwrap_or_default();
        let path = parts.uri.path();
        let fault = (!path.starts_with(CONTROL))
            .then(|| sandbox.fault_of_request(&parts.method, path))
            .flatten();
        let request = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        Ok(Self {
            sandbox: Arc::clone(sandbox),
            asked,
            cause: Cause { request, key },
            fault,
            expand,
            params,
        })
    }
}

impl Call {
    /// Answers with what `run` does and gives.
    pub(super) async fn write(
        self,
        run: impl FnOnce(&mut Transaction<'_>, &mut Params) -> Result<Value, ApiError>,
    ) -> Response {
        let Self {
            sandbox,
            asked,
            cause,
            fault,
            expand,
            mut params,
        } = self;
        let outcome = sandbox
            .write(asked, cause, fault, |transaction| {
                let mut body = run(transaction, &mut params)?;
                expand::expand(&mut body, &expand, |id| transaction.object(id)).map(|()| body)
            })
            .await;
        let response = match outcome {
            Outcome::Ran(Ok(body)) => reply(StatusCode::OK, &body),
            Outcome::Ran(Err(error)) => fail(&error),
            Outcome::Replayed(answer) => replay(&answer),
            Outcome::Broken(broken) => return give_broken(&broken),
        };
        finish(fault, response).await
    }

    /// Answers with what `look` finds.
    pub(super) async fn read(
        self,
        look: impl FnOnce(&State, &mut Params) -> Result<Value, ApiError>,
    ) -> Response {
        self.read_at(|state, _, params| look(state, params)).await
    }

    /// Answers with what `look` finds at this time, in seconds.
    pub(super) async fn read_at(
        self,
        look: impl FnOnce(&State, i64, &mut Params) -> Result<Value, ApiError>,
    ) -> Response {
        let Self {
            sandbox,
            fault,
            expand,
            mut params,
            ..
        } = self;
        if let Some(fault) = fault
            && let Err(broken) = fault.before().await
        {
            return give_broken(&broken);
        }
        let found = sandbox.read(|state, now| {
            let mut body = look(state, now, &mut params)?;
            expand::expand(&mut body, &expand, |id| state.object(id)).map(|()| body)
        });
        finish(
            fault,
            found.map_or_else(|error| fail(&error), |body| reply(StatusCode::OK, &body)),
        )
        .await
    }

    /// Answers with what `act` does to the sandbox itself.
    pub(super) fn control(
        mut self,
        act: impl FnOnce(&Sandbox, &mut Params) -> Result<Value, ApiError>,
    ) -> Response {
        match act(&self.sandbox, &mut self.params) {
            Ok(body) => reply(StatusCode::OK, &body),
            Err(error) => fail(&error),
        }
    }

    /// The sandbox itself.
    pub(super) fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }
}

/// What goes wrong after the work.
async fn finish(fault: Option<Fault>, response: Response) -> Response {
    match fault {
        None => response,
        Some(fault) => match fault.after().await {
            Ok(()) => response,
            Err(broken) => give_broken(&broken),
        },
    }
}

/// An error, or an answer whose connection breaks before it is whole.
fn give_broken(broken: &Broken) -> Response {
    match broken {
        Broken::Error(error) => fail(error),
        Broken::Cut => {
            let cut = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "cut on demand");
            let pieces = [Ok(Bytes::from_static(b"{")), Err(cut)];
            let mut response = Response::new(Body::from_stream(stream::iter(pieces)));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
    }
}

/// Indented, as Stripe answers: people read this with curl.
fn reply(status: StatusCode, body: &Value) -> Response {
    let mut text = serde_json::to_vec_pretty(body).unwrap_or_default();
    text.push(b'\n');
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Answers with an error.
pub(super) fn fail(error: &ApiError) -> Response {
    let mut response = reply(error.status, &error.body());
    if error.status == StatusCode::UNAUTHORIZED {
        let realm = HeaderValue::from_static(r#"Basic realm="Stripe""#);
        response.headers_mut().insert(WWW_AUTHENTICATE, realm);
    }
    response
}

fn replay(answer: &Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let body: Value = serde_json::from_str(answer.body.get()).unwrap_or_default();
    let mut response = reply(status, &body);
    let headers = response.headers_mut();
    headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    if let Ok(original) = HeaderValue::from_str(&answer.request) {
        headers.insert("original-request", original.clone());
        headers.insert(REQUEST_ID, original);
    }
    response
}
