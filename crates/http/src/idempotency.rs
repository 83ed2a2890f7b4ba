//! The `Idempotency-Key` header. `pg` keeps the rows; a service joins the two.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use wire::code;

use crate::problem::Problem;

/// The key that the client sent, if any: 1 to 255 printable ASCII characters (IDK-1).
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
            Some(key) => Ok(Self(Some(key.to_owned()))),
            None => Err(Problem::new(code::MALFORMED)
                .detail("Idempotency-Key holds 1 to 255 printable ASCII characters; a UUID is a good one.")),
        }
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
