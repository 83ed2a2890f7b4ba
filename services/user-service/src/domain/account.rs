//! An account, and what its fields may hold.

use time::OffsetDateTime;
use types::{Role, UserId};

/// The longest name, in characters.
const MAX_NAME: usize = 100;
/// The longest telephone number, in characters.
const MAX_PHONE: usize = 32;

/// An account without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: UserId,
    /// Its address, normalised.
    pub email: String,
    /// What its owner may change.
    pub profile: Profile,
    /// What it may do.
    pub role: Role,
    /// Counts up with every change that a client can see.
    pub version: i64,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it changed last.
    pub updated_at: OffsetDateTime,
}

/// What an account's owner may change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Telephone number.
    pub phone: Option<String>,
}

/// Why a text is no name or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadField {
    /// Too long.
    #[error("must have at most {0} characters")]
    TooLong(usize),
    /// Control characters.
    #[error("control characters are not taken")]
    Control,
    /// Something that is in no telephone number.
    #[error("a telephone number holds digits, spaces and + - . ( ) only")]
    Phone,
}

/// A name, trimmed; `None` for an empty one.
pub fn name(text: &str) -> Result<Option<String>, BadField> {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        return Err(BadField::Control);
    }
    if text.chars().count() > MAX_NAME {
        return Err(BadField::TooLong(MAX_NAME));
    }
    Ok(Some(text.to_owned()).filter(|t| !t.is_empty()))
}

/// A telephone number as its owner writes it, trimmed; `None` for an empty one.
pub fn phone(text: &str) -> Result<Option<String>, BadField> {
    let text = text.trim();
    if text.chars().any(|c| !c.is_ascii_digit() && !" +-.()".contains(c)) {
        return Err(BadField::Phone);
    }
    if text.chars().count() > MAX_PHONE {
        return Err(BadField::TooLong(MAX_PHONE));
    }
    Ok(Some(text.to_owned()).filter(|t| !t.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_bounded_and_may_be_empty() {
        assert_eq!(name("  Ada ").unwrap().as_deref(), Some("Ada"));
        assert_eq!(name("   ").unwrap(), None);
        assert_eq!(name(&"é".repeat(101)), Err(BadField::TooLong(100)));
        assert_eq!(name("a\u{0}b"), Err(BadField::Control));
    }

    #[test]
    fn a_telephone_number_holds_no_letters() {
        assert_eq!(
            phone(" +44 (0)20-7946.0958 ").unwrap().as_deref(),
            Some("+44 (0)20-7946.0958")
        );
        assert_eq!(phone("call me"), Err(BadField::Phone));
        assert_eq!(phone(&"1".repeat(33)), Err(BadField::TooLong(32)));
    }
}
