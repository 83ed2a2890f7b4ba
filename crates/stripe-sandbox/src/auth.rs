//! The secret key, as Stripe takes it: the user of Basic, or a Bearer token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use runtime::Secret;
use subtle::ConstantTimeEq as _;

use crate::error::ApiError;

/// Refuses a request without `key`.
pub(crate) fn require(key: &Secret, headers: &HeaderMap) -> Result<(), ApiError> {
    let given = given(headers).ok_or_else(ApiError::no_key)?;
    if bool::from(given.as_bytes().ct_eq(key.expose().as_bytes())) {
        return Ok(());
    }
    Err(ApiError::wrong_key(&masked(&given)))
}

fn given(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = header.split_once(' ')?;
    let key = if scheme.eq_ignore_ascii_case("bearer") {
        value.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let login = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
        login.split(':').next().unwrap_or_default().to_owned()
    } else {
        return None;
    };
    Some(key).filter(|k| !k.is_empty())
}

/// The start and the last four characters, as Stripe repeats a key that it does not know.
fn masked(key: &str) -> String {
    let count = key.chars().count();
    if count < 16 {
        return "*".repeat(count);
    }
    let head: String = key.chars().take(8).collect();
    let tail: String = key.chars().skip(count - 4).collect();
    format!("{head}{}{tail}", "*".repeat(count - 12))
}
