//! Conditional requests: ETags out, `If-None-Match` and `If-Match` in.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, ETAG, IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wire::code;

use crate::problem::Problem;

/// A strong ETag of a body.
#[must_use]
pub fn etag(body: &[u8]) -> String {
    use base64::Engine as _;
    let digest = Sha256::digest(body);
    let short: Vec<u8> = digest.iter().take(12).copied().collect();
    format!(
        "\"{}\"",
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(short)
    )
}

/// The ETag of a resource that counts its versions.
#[must_use]
pub fn etag_of_version(version: i64) -> String {
    format!("\"v{version}\"")
}

/// `body` as JSON with an ETag (made from the body where none is given); 304 if the client has it already.
/// `cache` is the `Cache-Control`.
pub fn fresh_or<T: Serialize>(
    request: &HeaderMap,
    tag: Option<String>,
    cache: &'static str,
    body: &T,
) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(body).map_err(Problem::fault)?;
    let tag = tag.unwrap_or_else(|| etag(&bytes));
    let mut response = if names_tag(request.get(IF_NONE_MATCH), &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(http::header::CONTENT_TYPE, "application/json")], bytes).into_response()
    };
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, value);
    }
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    Ok(response)
}

/// The version that the client wants to change, if it says.
#[derive(Clone, Debug)]
pub struct IfMatch(Option<HeaderValue>);

impl IfMatch {
    /// Refuses (412) where the client names another version than `tag`.
    pub fn check(&self, tag: &str) -> Result<(), Problem> {
        if self.0.is_none() || names_tag(self.0.as_ref(), tag) {
            return Ok(());
        }
        Err(Problem::new(code::PRECONDITION_FAILED)
            .detail(format!(
                "If-Match names another version; it is {tag} now. Read it again."
            ))
            .with("etag", tag))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.headers.get(IF_MATCH).cloned()))
    }
}

/// Whether a list of tags, as in `If-None-Match`, names `tag` (weak comparison) or is `*`.
#[must_use]
pub fn names_tag(list: Option<&HeaderValue>, tag: &str) -> bool {
    let list = list.and_then(|v| v.to_str().ok()).unwrap_or_default();
    list.split(',')
        .map(str::trim)
        .any(|t| t == "*" || t.strip_prefix("W/").unwrap_or(t) == tag)
}
