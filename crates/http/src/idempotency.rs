//! The `Idempotency-Key` header. `pg` keeps the rows; a service joins the two.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use types::holds_card_number;
use wire::code;

use crate::card_data::WHY;
use crate::extract::{Json, json_bytes};
use crate::problem::Problem;

/// The key that the client sent, if any: 1 to 255 printable ASCII characters (IDK-1), and no card number, since keys are
/// kept (PAY-18).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let valid =
            |key: &&str| (1..=255).contains(&key.len()) && key.bytes().all(|b| (0x20..0x7f).contains(&b));
        match value.to_str().ok().filter(valid) {
            Some(key) if holds_card_number(key) => {
                Err(Problem::new(code::MALFORMED)
                    .detail(format!("{WHY}; an Idempotency-Key is best a UUID.")))
            }
            Some(key) => Ok(Self(Some(key.to_owned()))),
            None => Err(Problem::new(code::MALFORMED)
                .detail("Idempotency-Key holds 1 to 255 printable ASCII characters; a UUID is a good one.")),
        }
    }
}

/// A JSON body, with the key and the body's hash where the request carries a key.
#[derive(Clone, Debug)]
pub struct KeyedJson<T> {
    /// The body.
    pub body: T,
    /// The key, and the hash that tells whether a repetition says the same.
    pub key: Option<(String, Vec<u8>)>,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for KeyedJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let IdempotencyKey(key) = IdempotencyKey::from_request_parts(&mut parts, state).await?;
        let bytes = json_bytes(Request::from_parts(parts, body), state).await?;
        let Json(body) = Json::from_bytes(&bytes)?;
        let key = key.map(|key| (key, body_hash(&bytes)));
        Ok(Self { body, key })
    }
}

/// A hash of a JSON body that spaces and the order of names do not change; of the bytes if it is not JSON.
#[must_use]
pub fn body_hash(body: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<Value>(body) {
        // serde_json's maps are sorted, so equal values print alike.
        Ok(value) => Sha256::digest(value.to_string()).to_vec(),
        Err(_) => Sha256::digest(body).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a request with that key.
    async fn read(key: &str) -> Result<IdempotencyKey, Problem> {
        let request = Request::get("/").header("idempotency-key", key);
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        IdempotencyKey::from_request_parts(&mut parts, &()).await
    }

    // IDK-1, PAY-18
    #[tokio::test]
    async fn a_key_that_names_a_card_is_refused_and_a_token_that_only_looks_so_is_taken() {
        for key in [
            "4242424242424242",
            "pay-4242-4242-4242-4242",
            "5555 5555 5555 4444",
            "4242424242424242 refund-because-the-cup-was-cracked",
            "4242424242424242-01997c3e-5f0a-7b1e-9d55-2c8a6f1b3e70",
        ] {
            let refused = read(key).await.unwrap_err();
            assert_eq!(refused.code(), code::MALFORMED, "{key}");
        }
        for key in [
            "42424242-4242-4242-8aaa-0123456789ab",
            "01997c3e5f0a7b1e9d552c8a6f1b3e70",
            "a4242424242424242b0123456789abcd",
            "k6-1-0-1795903690139",
            "order-81",
        ] {
            assert_eq!(read(key).await.unwrap(), IdempotencyKey(Some(key.to_owned())));
        }
    }

    // IDK-2
    #[test]
    fn the_order_of_names_and_spaces_do_not_change_a_bodys_hash_but_values_do() {
        assert_eq!(
            body_hash(br#"{"a":1,"b":[2]}"#),
            body_hash(br#"{ "b": [2], "a": 1 }"#)
        );
        assert_ne!(body_hash(br#"{"a":1}"#), body_hash(br#"{"a":2}"#));
    }
}
