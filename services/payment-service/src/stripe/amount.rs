//! Amounts as Stripe counts them (PAY-19). Its smallest unit is the currency's own, with a few special cases.

use types::Currency;

/// Decimal places by which Stripe counts, where they are not those of ISO 4217: for ISK and UGX it kept two when
/// the currencies lost theirs; MGA's ariary it counts whole.
fn exponent(currency: Currency) -> u8 {
    match currency.code() {
        "ISK" | "UGX" => 2,
        "MGA" => 0,
        _ => currency.exponent(),
    }
}

/// Our minor units as Stripe's. `None` if Stripe cannot count that amount.
#[must_use]
pub fn to_provider(minor: i64, currency: Currency) -> Option<i64> {
    let amount = scale(minor, currency.exponent(), exponent(currency))?;
    // Card networks count no more than two decimals: where there are three, the last is zero.
    let countable = exponent(currency) < 3 || amount % 10 == 0;
    countable.then_some(amount)
}

/// Stripe's amount in our minor units. `None` if it does not fit.
#[must_use]
pub fn from_provider(amount: i64, currency: Currency) -> Option<i64> {
    scale(amount, exponent(currency), currency.exponent())
}

fn scale(amount: i64, from: u8, to: u8) -> Option<i64> {
    let power = 10_i64.checked_pow(u32::from(from.abs_diff(to)))?;
    if to >= from {
        amount.checked_mul(power)
    } else {
        (amount % power == 0).then_some(amount / power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // PAY-19
    #[test]
    fn ten_yen_are_sent_as_ten_and_the_special_cases_as_stripe_counts_them() {
        for (code, ours, theirs) in [
            ("JPY", 10, 10),
            ("USD", 1_999, 1_999),
            ("KWD", 1_230, 1_230),
            ("ISK", 500, 50_000),
            ("UGX", 500, 50_000),
            ("MGA", 500, 5),
        ] {
            let currency = Currency::parse(code).unwrap();
            assert_eq!(to_provider(ours, currency), Some(theirs), "{code}");
            assert_eq!(from_provider(theirs, currency), Some(ours), "{code}");
        }
        for (code, minor) in [("MGA", 501), ("KWD", 1_234), ("BHD", 9)] {
            assert_eq!(to_provider(minor, Currency::parse(code).unwrap()), None, "{code}");
        }
    }
}
