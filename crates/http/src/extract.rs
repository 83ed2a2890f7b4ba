//! Extractors whose refusals are problems: bodies, queries and ids in paths.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::code;

use crate::card_data;
use crate::problem::Problem;

/// How deep JSON may nest (GW-4).
const MAX_DEPTH: usize = 64;

/// A JSON body. 415 for another media type, 400 for what is not JSON, 422 with a pointer for a wrong type, and for card
/// data wherever it is (PAY-18).
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = json_bytes(request, state).await?;
        Self::from_bytes(&bytes)
    }
}

impl<T: DeserializeOwned> Json<T> {
    /// Reads a body that is at hand already, as the extractor does.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Problem> {
        if depth(bytes) > MAX_DEPTH {
            return Err(
                Problem::new(code::MALFORMED).detail(format!("JSON may nest {MAX_DEPTH} levels deep."))
            );
        }
        if let Some(pointer) = card_data::find(bytes) {
            return Err(Problem::invalid_at(pointer, card_data::WHY));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let pointer = pointer(error.path());
            let inner = error.into_inner();
            match inner.classify() {
                serde_json::error::Category::Data => Problem::invalid_at(pointer, without_position(&inner)),
                _ => Problem::new(code::MALFORMED).detail(format!("The body is not valid JSON: {inner}.")),
            }
        })?;
        deserializer.end().map_err(|e| {
            Problem::new(code::MALFORMED).detail(format!("The body is not one JSON value: {e}."))
        })?;
        Ok(Self(value))
    }
}

/// The bytes of a body that says it is JSON.
pub(crate) async fn json_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    if !is_json(&request) {
        return Err(
            Problem::new(code::UNSUPPORTED_MEDIA_TYPE).detail("Send `Content-Type: application/json`.")
        );
    }
    Bytes::from_request(request, state).await.map_err(unreadable)
}

/// A query string. 422 with a pointer under `/query` for what it cannot be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|q| Self(q.0))
            .map_err(|rejection| Problem::invalid_at("/query", rejection.body_text()))
    }
}

/// The id in a path. What is no id names nothing: 404.
#[derive(Clone, Copy, Debug)]
pub struct PathId<T>(pub T);

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::new(code::NOT_FOUND))?;
        let first = params
            .iter()
            .next()
            .map(|(_, value)| value.to_owned())
            .unwrap_or_default();
        let id = first.parse().map_err(|_| {
            let shown: String = first.chars().take(40).collect();
            Problem::new(code::NOT_FOUND).detail(format!("`{shown}` is not an id; nothing is there."))
        })?;
        Ok(Self(id))
    }
}

fn is_json(request: &Request) -> bool {
    let value = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let media_type = value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

fn unreadable(rejection: BytesRejection) -> Problem {
    match rejection.status().as_u16() {
        413 => Problem::new(code::TOO_LARGE).detail("The body is larger than this route takes."),
        _ => Problem::new(code::MALFORMED).detail("The body ended early."),
    }
}

/// How deep arrays and objects nest, without parsing.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// serde_json's sentence without ` at line 1 column 9`: the pointer says where.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ")
        .map_or(text.clone(), |(sentence, _)| sentence.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use types::DecimalText;

    #[derive(Debug, Deserialize)]
    struct Line {
        price: DecimalText,
    }

    #[derive(Debug, Deserialize)]
    struct Body {
        lines: Vec<Line>,
    }

    // MON-2
    #[test]
    fn an_amount_is_read_character_by_character_from_a_number_or_a_string() {
        let body =
            Json::<Body>::from_bytes(br#"{"lines": [{"price": 0.1}, {"price": "19.99"}, {"price": 1e2}]}"#)
                .unwrap()
                .0;
        assert_eq!(
            body.lines.iter().map(|l| l.price.as_str()).collect::<Vec<_>>(),
            ["0.1", "19.99", "1e2"]
        );
    }

    #[test]
    fn a_wrong_type_says_where_and_what_is_not_json_is_malformed() {
        let wrong = Json::<Body>::from_bytes(br#"{"lines": [{"price": true}]}"#).unwrap_err();
        assert_eq!(wrong.code(), code::INVALID);
        assert!(format!("{wrong:?}").contains("/lines/0/price"), "{wrong:?}");
        for text in [r#"{"lines": ["#, "", r#"{"lines": []} {}"#, &"[".repeat(65)] {
            assert_eq!(
                Json::<Body>::from_bytes(text.as_bytes()).unwrap_err().code(),
                code::MALFORMED,
                "{text}"
            );
        }
    }
}
