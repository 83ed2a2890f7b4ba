//! E-mail addresses in the one form that is stored and compared.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// An address, trimmed, NFC, lower case, its domain in IDNA's ASCII form. Equal addresses are equal strings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

/// Why a text is not an address that we can write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEmail {
    /// No `@`, or nothing on one side of it.
    #[error("an e-mail address looks like name@example.com")]
    Shape,
    /// Longer than SMTP carries (RFC 5321: 64 before the `@`, 254 in all).
    #[error("an e-mail address has at most 254 characters, 64 of them before the @")]
    TooLong,
    /// The part after the `@` is no domain name.
    #[error("the part after the @ is not a domain name")]
    Domain,
    /// White space or control characters inside.
    #[error("an e-mail address holds no spaces or control characters")]
    Character,
}

impl Email {
    /// Checks and normalises `text`.
    pub fn parse(text: &str) -> Result<Self, BadEmail> {
        let text: String = text.trim().nfc().collect();
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(BadEmail::Character);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(BadEmail::Shape)?;
        if local.is_empty() || domain.is_empty() || local.contains('@') {
            return Err(BadEmail::Shape);
        }
        if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
            return Err(BadEmail::Shape);
        }
        if local.chars().any(|c| "\"(),:;<>[\\]".contains(c)) {
            return Err(BadEmail::Character);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| BadEmail::Domain)?;
        if !domain.contains('.') || domain.split('.').any(str::is_empty) {
            return Err(BadEmail::Domain);
        }
        if local.len() > 64 || local.len() + 1 + domain.len() > 254 {
            return Err(BadEmail::TooLong);
        }
        Ok(Self(format!("{}@{domain}", local.to_lowercase())))
    }

    /// The normalised address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // AUT-12
    #[test]
    fn addresses_that_differ_in_case_space_or_script_of_the_domain_are_one() {
        for spelling in ["Ada@Example.com", " ada@example.COM ", "ada@example.com"] {
            assert_eq!(Email::parse(spelling).unwrap().as_str(), "ada@example.com");
        }
        assert_eq!(
            Email::parse("a@bücher.example").unwrap(),
            Email::parse("a@xn--bcher-kva.example").unwrap()
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "a da@example.com",
            "a@b@c.de",
            "a@ex..com",
        ] {
            assert!(Email::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Email::parse(&format!("{}@example.com", "a".repeat(65))),
            Err(BadEmail::TooLong)
        );
    }
}
