//! Values that nobody may see.

use std::fmt;

/// A value that never shows in logs, errors or `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// `postgres://user:secret@host/db` without the secret.
pub(crate) fn without_password(url: &str) -> String {
    match (url.find("://"), url.find('@')) {
        (Some(scheme), Some(at)) if scheme + 3 < at => {
            let (head, tail) = url.split_at(at);
            let (scheme, login) = head.split_at(scheme + 3);
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}{user}:…{tail}")
        }
        _ => url.to_owned(),
    }
}
