//! The service's refusals and faults, and the one match that turns them into problems.

use std::time::Duration;

use souk_http::Problem;
use wire::code;

use crate::domain::Refusal;

/// A refusal, or a fault that only storing, hashing and signing can meet.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The client can mend it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// More passwords wait to be hashed than may.
    #[error("too many sign-ins at once")]
    Busy,
    /// The database failed.
    #[error("could not {doing}")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        source: sqlx::Error,
    },
    /// The database holds what cannot be.
    #[error("the database holds an account with a bad {0}")]
    Corrupt(&'static str),
    /// A password could not be hashed.
    #[error("could not hash a password: {0}")]
    Hash(String),
    /// A signing key could not be made or used.
    #[error("the signing key {kid} {why}")]
    Key {
        /// Which.
        kid: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl UserError {
    /// For `map_err`: the statement that was to do `doing` failed.
    pub(crate) fn store(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Store { doing, source }
    }
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Refused(refusal) => refusal.into(),
            UserError::Busy => Self::new(code::BUSY)
                .detail("Too many sign-ins at once; try again shortly.")
                .retry_after(Duration::from_secs(1)),
            UserError::Store { ref source, .. } if pg::is_unavailable(source) => {
                Self::unavailable(error, Duration::from_secs(2))
            }
            error @ UserError::Store { .. } => Self::fault(error),
            error @ UserError::Corrupt(_) => Self::fault(error),
            error @ UserError::Hash(_) => Self::fault(error),
            error @ UserError::Key { .. } => Self::fault(error),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = sentence(&refusal.to_string());
        let code = match refusal {
            Refusal::RoleNotAllowed(_) => code::ROLE_NOT_ALLOWED,
            Refusal::SellersByInvitation => code::ROLE_NOT_ALLOWED,
            Refusal::EmailTaken => code::EMAIL_TAKEN,
            Refusal::InvalidCredentials => code::INVALID_CREDENTIALS,
            Refusal::InvalidRefreshToken => code::INVALID_REFRESH_TOKEN,
            Refusal::UserNotFound(_) => code::USER_NOT_FOUND,
        };
        Self::new(code).detail(detail)
    }
}

/// The error's text as a sentence: a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), chars.as_str())
    })
}
