//! What a password may be (NIST SP 800-63B-4): long enough, none that everybody tries first, no other rules.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use types::Email;
use unicode_normalization::UnicodeNormalization as _;

/// The most code points.
const MAX: usize = 128;

/// The passwords that are tried first everywhere, of eight characters and more, in lower case.
const COMMON: &str = include_str!("common_passwords.txt");

/// A password in the one form that is hashed: NFC, at most 128 code points.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// What somebody typed to prove who they are; `None` for what can be nobody's.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        let text: String = text.nfc().take(MAX + 1).collect();
        (text.chars().count() <= MAX).then_some(Self(text))
    }

    /// For the hash function alone.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Why a text may not become a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// Fewer code points than the shop asks for.
    #[error("must have at least {0} characters")]
    TooShort(usize),
    /// More than 128 code points.
    #[error("must have at most {MAX} characters")]
    TooLong,
    /// More bytes than the hash function reads; nothing is ever cut.
    #[error("must have at most {0} bytes in UTF-8")]
    TooManyBytes(usize),
    /// One of those that everybody tries first.
    #[error("is one of the most common passwords; choose another one")]
    Common,
    /// The account's own address.
    #[error("must not be the e-mail address")]
    IsAddress,
}

/// What the shop asks of new passwords.
#[derive(Clone, Debug)]
pub struct PasswordRules {
    min: usize,
    max_bytes: Option<usize>,
    denied: Arc<HashSet<String>>,
}

impl PasswordRules {
    /// At least `min` code points, none of the common passwords nor of `more` (one a line), at most `max_bytes`
    /// where the hash function has a limit.
    #[must_use]
    pub fn new(min: usize, max_bytes: Option<usize>, more: &str) -> Self {
        let denied = COMMON
            .lines()
            .chain(more.lines())
            .map(|line| line.trim().nfc().collect::<String>().to_lowercase())
            .filter(|line| !line.is_empty())
            .collect();
        Self {
            min,
            max_bytes,
            denied: Arc::new(denied),
        }
    }

    /// `text` as the password of the account at `email`.
    pub fn check(&self, text: &str, email: Option<&Email>) -> Result<Password, BadPassword> {
        let password = Password::typed(text).ok_or(BadPassword::TooLong)?;
        if password.0.chars().count() < self.min {
            return Err(BadPassword::TooShort(self.min));
        }
        if let Some(max) = self.max_bytes.filter(|max| password.0.len() > *max) {
            return Err(BadPassword::TooManyBytes(max));
        }
        if self.denied.contains(&password.0.to_lowercase()) {
            return Err(BadPassword::Common);
        }
        if email.is_some() && Email::parse(&password.0).ok().as_ref() == email {
            return Err(BadPassword::IsAddress);
        }
        Ok(password)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> PasswordRules {
        PasswordRules::new(8, None, "hunter2hunter2\n")
    }

    // AUT-3
    #[test]
    fn a_password_has_8_to_128_code_points_of_any_kind() {
        assert_eq!(rules().check("seven77", None), Err(BadPassword::TooShort(8)));
        assert!(rules().check("eight by", None).is_ok(), "no composition rules");
        assert!(
            rules().check(&"🦀".repeat(128), None).is_ok(),
            "code points, not bytes"
        );
        assert_eq!(rules().check(&"🦀".repeat(129), None), Err(BadPassword::TooLong));
        assert_eq!(
            rules().check(&"a".repeat(1 << 20), None),
            Err(BadPassword::TooLong)
        );
    }

    // AUT-3
    #[test]
    fn two_spellings_of_one_character_are_one_password() {
        let composed = rules().check("caf\u{e9} au lait", None).unwrap();
        let decomposed = rules().check("cafe\u{301} au lait", None).unwrap();
        assert_eq!(composed, decomposed);
        assert_eq!(Password::typed("cafe\u{301} au lait"), Some(composed));
    }

    // AUT-3
    #[test]
    fn common_passwords_the_address_and_listed_ones_are_refused() {
        for text in ["password1", "Qwerty123", "1Q2W3E4R", "hunter2hunter2"] {
            assert_eq!(rules().check(text, None), Err(BadPassword::Common), "{text}");
        }
        let email = Email::parse("ada@example.com").unwrap();
        for text in ["ada@example.com", " ADA@Example.com"] {
            assert_eq!(
                rules().check(text, Some(&email)),
                Err(BadPassword::IsAddress),
                "{text}"
            );
        }
        assert!(COMMON.lines().count() >= 1_000);
    }

    // AUT-4
    #[test]
    fn what_the_hash_function_would_cut_is_refused() {
        let rules = PasswordRules::new(8, Some(72), "");
        assert!(rules.check(&"a".repeat(72), None).is_ok());
        assert_eq!(
            rules.check(&"a".repeat(73), None),
            Err(BadPassword::TooManyBytes(72))
        );
        assert_eq!(
            rules.check(&"é".repeat(37), None),
            Err(BadPassword::TooManyBytes(72))
        );
    }
}
