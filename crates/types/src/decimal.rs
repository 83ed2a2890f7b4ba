//! Amounts as clients write them: a JSON number or string, kept as text so that no float is ever involved.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A decimal numeral as it stood in the request, such as `19.99`, `"19.99"` or `1e2`. Not yet an amount:
/// [`crate::Money::parse`] makes it one, given a currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecimalText(String);

/// Why a numeral is not an amount of the currency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAmount {
    /// It is not a plain decimal number.
    #[error("`{0}` is not a decimal amount such as 19.99")]
    NotDecimal(String),
    /// It has more fraction digits than the currency knows.
    #[error("{currency} has {allowed} decimal places; `{got}` has more")]
    TooManyDigits {
        /// The currency's code.
        currency: &'static str,
        /// How many fraction digits it has.
        allowed: u8,
        /// What was sent.
        got: String,
    },
    /// It does not fit into 64 bits of minor units.
    #[error("`{0}` is larger than any amount this shop keeps")]
    TooLarge(String),
    /// It is below zero where that makes no sense.
    #[error("`{0}` is negative")]
    Negative(String),
}

impl DecimalText {
    /// Wraps text; it is checked when it becomes money.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The numeral as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The numeral as an integer of `10^-exponent`, exactly. Trailing zeros beyond the exponent are digits
    /// too: `10.50` has two places and is refused where the currency has one.
    pub(crate) fn scaled(&self, exponent: u8, currency: &'static str) -> Result<i64, BadAmount> {
        let text = self.0.as_str();
        let not_decimal = || BadAmount::NotDecimal(shorten(text));
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || digits.ends_with('.') {
            return Err(not_decimal());
        }
        if fraction.len() > usize::from(exponent) {
            return Err(BadAmount::TooManyDigits {
                currency,
                allowed: exponent,
                got: shorten(text),
            });
        }
        let mut minor: i64 = 0;
        let padding = usize::from(exponent) - fraction.len();
        for byte in whole
            .bytes()
            .chain(fraction.bytes())
            .chain(std::iter::repeat_n(b'0', padding))
        {
            minor = minor
                .checked_mul(10)
                .and_then(|m| m.checked_add(i64::from(byte - b'0')))
                .ok_or_else(|| BadAmount::TooLarge(shorten(text)))?;
        }
        Ok(if negative { -minor } else { minor })
    }
}

/// What a client sent comes back in the error, but never a megabyte of it.
fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

impl fmt::Display for DecimalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DecimalText {
    /// Takes a JSON number or string, character by character.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get().trim();
        match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(text)
                .map(Self)
                .map_err(D::Error::custom),
            Some(b'-' | b'0'..=b'9') => Ok(Self(text.to_owned())),
            _ => Err(D::Error::custom(
                "expected a decimal amount, as a number or a string",
            )),
        }
    }
}
