//! Money: integer minor units of one currency. Checked methods, no operators, no floats.

use std::fmt;

use crate::decimal::{BadAmount, DecimalText};
use crate::rounding::Rounding;

/// A currency of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

/// Not the code of a currency in which one can pay.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ISO 4217 currency code such as USD")]
pub struct BadCurrency(String);

/// What arithmetic on money may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The result does not fit into 64 bits.
    #[error("the amount is too large")]
    Overflow,
    /// Two amounts of different currencies.
    #[error("{0} and {1} cannot be added up")]
    Mixed(Currency, Currency),
    /// A result below zero where there can be none.
    #[error("the amount would be negative")]
    Negative,
}

impl Currency {
    /// US dollars.
    pub const USD: Self = Self(iso_currency::Currency::USD);

    /// Reads a three-letter code in either case.
    pub fn parse(code: &str) -> Result<Self, BadCurrency> {
        iso_currency::Currency::from_code(&code.to_ascii_uppercase())
            .filter(|c| c.exponent().is_some())
            .map(Self)
            .ok_or_else(|| BadCurrency(code.chars().take(8).collect()))
    }

    /// The code, such as `USD`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimal places it has: 2 for USD, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn exponent(self) -> u8 {
        self.0.exponent().and_then(|e| u8::try_from(e).ok()).unwrap_or(2)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in minor units (cents for USD) of one currency. May be negative only where the code says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// An amount from minor units.
    #[must_use]
    pub const fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Reads an amount of major units (`100` is 100.00), exactly; refuses what is negative (MON-2, MON-5).
    pub fn parse(text: &DecimalText, currency: Currency) -> Result<Self, BadAmount> {
        let minor = text.scaled(currency.exponent(), currency.code())?;
        if minor < 0 {
            return Err(BadAmount::Negative(text.as_str().chars().take(40).collect()));
        }
        Ok(Self { minor, currency })
    }

    /// The minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The sum.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The difference, which may not fall below zero.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        let minor = self.minor.checked_sub(other.minor).ok_or(MoneyError::Overflow)?;
        if minor < 0 {
            Err(MoneyError::Negative)
        } else {
            Ok(Self { minor, ..self })
        }
    }

    /// So many times the amount.
    pub fn times(self, count: u32) -> Result<Self, MoneyError> {
        let minor = self
            .minor
            .checked_mul(i64::from(count))
            .ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// `rate` basis points of the amount (1,000 is 10 %), rounded once (MON-3).
    pub fn basis_points(self, rate: u32, rounding: Rounding) -> Result<Self, MoneyError> {
        let exact = i128::from(self.minor) * i128::from(rate);
        self.rounded(rounding.divide(exact, 10_000))
    }

    /// What an amount already holds that came about by adding `rate` basis points: 10.00 of 110.00 at 1,000, rounded
    /// once (MON-4).
    pub fn basis_points_inside(self, rate: u32, rounding: Rounding) -> Result<Self, MoneyError> {
        let exact = i128::from(self.minor) * i128::from(rate);
        self.rounded(rounding.divide(exact, 10_000 + i128::from(rate)))
    }

    fn rounded(self, minor: i128) -> Result<Self, MoneyError> {
        let minor = i64::try_from(minor).map_err(|_| MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// Splits the amount in proportion to `weights` by largest remainder: the parts add up to the whole (MON-3).
    /// With no weight above zero everything goes to the first part.
    #[must_use]
    pub fn split(self, weights: &[u64]) -> Vec<Self> {
        let sum: i128 = weights.iter().map(|w| i128::from(*w)).sum();
        let whole = i128::from(self.minor);
        let mut parts: Vec<(usize, i128, i128)> = weights
            .iter()
            .enumerate()
            .map(|(i, w)| match sum {
                0 => (i, if i == 0 { whole } else { 0 }, 0),
                _ => {
                    let exact = whole * i128::from(*w);
                    (i, exact.div_euclid(sum), exact.rem_euclid(sum))
                }
            })
            .collect();
        let given: i128 = parts.iter().map(|p| p.1).sum();
        let mut left = whole - given;
        parts.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
        for part in &mut parts {
            if left == 0 {
                break;
            }
            part.1 += 1;
            left -= 1;
        }
        parts.sort_by_key(|p| p.0);
        let currency = self.currency;
        parts
            .into_iter()
            .map(|p| Self {
                minor: i64::try_from(p.1).unwrap_or(self.minor),
                currency,
            })
            .collect()
    }

    fn same(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::Mixed(self.currency, other.currency))
        }
    }
}

impl fmt::Display for Money {
    /// The amount as the wire shows it: the currency's own number of digits, no code (`1999.99`, `500` for JPY).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = self.currency.exponent();
        let unit = 10_u64.pow(u32::from(exponent));
        let minor = self.minor.unsigned_abs();
        let sign = if self.minor < 0 { "-" } else { "" };
        match exponent {
            0 => write!(f, "{sign}{minor}"),
            _ => write!(
                f,
                "{sign}{}.{:0width$}",
                minor / unit,
                minor % unit,
                width = usize::from(exponent)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str, code: &str) -> Result<Money, BadAmount> {
        Money::parse(&DecimalText::new(text), Currency::parse(code).unwrap())
    }

    // MON-2
    #[test]
    fn amounts_are_read_in_major_units_and_shown_in_the_currencys_own_digits() {
        for (text, code, minor, shown) in [
            ("100", "USD", 10_000, "100.00"),
            ("1999.99", "usd", 199_999, "1999.99"),
            ("0.1", "USD", 10, "0.10"),
            ("500", "JPY", 500, "500"),
            ("1.234", "KWD", 1_234, "1.234"),
            ("1.000", "KWD", 1_000, "1.000"),
        ] {
            let money = parse(text, code).unwrap();
            assert_eq!((money.minor(), money.to_string().as_str()), (minor, shown));
        }
    }

    // MON-2, MON-5
    #[test]
    fn more_digits_than_the_currency_has_and_what_is_no_amount_are_refused() {
        for (text, code) in [
            ("19.999", "USD"),
            ("1.000", "USD"),
            ("10.5", "JPY"),
            ("1.000", "JPY"),
            ("1.2345", "KWD"),
            ("-1", "USD"),
            ("1e3", "USD"),
            ("", "USD"),
            (".5", "USD"),
            ("5.", "USD"),
            ("1,000", "USD"),
            ("NaN", "USD"),
            ("99999999999999999999", "USD"),
        ] {
            assert!(parse(text, code).is_err(), "{text} {code}");
        }
    }

    // MON-1, MON-5
    #[test]
    fn arithmetic_never_wraps_and_never_mixes_currencies() {
        let most = Money::from_minor(i64::MAX, Currency::USD);
        let one = Money::from_minor(1, Currency::USD);
        assert_eq!(most.plus(one), Err(MoneyError::Overflow));
        assert_eq!(most.times(2), Err(MoneyError::Overflow));
        assert_eq!(one.minus(most), Err(MoneyError::Negative));
        assert!(one.plus(Money::zero(Currency::parse("EUR").unwrap())).is_err());
    }

    // MON-3
    #[test]
    fn a_share_is_rounded_by_the_rule() {
        let of = |minor, rule| {
            Money::from_minor(minor, Currency::USD)
                .basis_points(1_000, rule)
                .unwrap()
                .minor()
        };
        let all = |rule| [5, 4, 14, 15, 1_999].map(|minor| of(minor, rule));
        assert_eq!(all(Rounding::HalfUp), [1, 0, 1, 2, 200]);
        assert_eq!(all(Rounding::HalfEven), [0, 0, 1, 2, 200]);
    }

    // MON-4, MON-5
    #[test]
    fn what_an_amount_holds_of_a_share_is_what_was_added() {
        let of = |minor, rate| {
            let whole = Money::from_minor(minor, Currency::USD);
            whole.basis_points_inside(rate, Rounding::HalfUp).unwrap().minor()
        };
        assert_eq!(
            [of(11_000, 1_000), of(119, 1_900), of(100, 0), of(0, 1_900)],
            [1_000, 19, 0, 0]
        );
        // Half of i64::MAX, which is odd: nothing wraps on the way.
        assert_eq!(of(i64::MAX, 10_000), i64::MAX / 2 + 1);
        assert_eq!(
            Money::from_minor(i64::MAX, Currency::USD).basis_points(10_001, Rounding::HalfUp),
            Err(MoneyError::Overflow)
        );
    }

    proptest! {
        // MON-3
        #[test]
        fn the_parts_of_a_split_add_up_to_the_whole(minor in 0i64..1_000_000_000_000, weights in prop::collection::vec(0u64..1_000_000, 1..20)) {
            let parts = Money::from_minor(minor, Currency::USD).split(&weights);
            prop_assert_eq!(parts.iter().map(|p| p.minor()).sum::<i64>(), minor);
        }

        // MON-2
        #[test]
        fn what_is_shown_reads_back_as_the_same_amount(minor in 0i64..i64::MAX, code in prop::sample::select(vec!["USD", "JPY", "KWD"])) {
            let money = Money::from_minor(minor, Currency::parse(code).unwrap());
            prop_assert_eq!(parse(&money.to_string(), code).unwrap(), money);
        }
    }
}
