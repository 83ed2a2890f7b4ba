//! Currencies as Stripe counts them, and the least and the most it charges in each.

use crate::error::ApiError;

/// What Stripe settles or presents in.
const KNOWN: &str = "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn \
    bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl \
    htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt \
    mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd \
    scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf \
    yer zar zmw";
const ZERO_DECIMAL: &str = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf";
const THREE_DECIMAL: &str = "bhd jod kwd omr tnd";
/// Eight digits, whatever the currency.
const MOST: i64 = 99_999_999;

/// The least charge, in the currency's smallest unit. Stripe converts its half dollar for the others; here the
/// smallest unit will do.
const LEAST: [(&str, i64); 24] = [
    ("usd", 50),
    ("aed", 200),
    ("aud", 50),
    ("bgn", 100),
    ("brl", 50),
    ("cad", 50),
    ("chf", 50),
    ("czk", 1_500),
    ("dkk", 250),
    ("eur", 50),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17_500),
    ("inr", 50),
    ("jpy", 50),
    ("mxn", 1_000),
    ("myr", 200),
    ("nok", 300),
    ("nzd", 50),
    ("pln", 200),
    ("ron", 200),
    ("sek", 300),
    ("sgd", 50),
    ("thb", 1_000),
];

fn among(list: &str, code: &str) -> bool {
    list.split(' ').any(|known| known == code)
}

/// `code` in lower case, if Stripe knows it.
pub(crate) fn parse(code: &str) -> Result<String, ApiError> {
    let code = code.to_ascii_lowercase();
    if among(KNOWN, &code) {
        return Ok(code);
    }
    let shown: String = code.chars().take(20).collect();
    Err(ApiError::invalid(
        "currency",
        format!(
            "Invalid currency: {shown}. Stripe currently supports these currencies: {}",
            KNOWN.replace(' ', ", ")
        ),
    ))
}

/// Refuses an amount that cannot be charged.
pub(crate) fn check_amount(amount: i64, currency: &str) -> Result<(), ApiError> {
    if amount < 1 {
        let why = "This value must be greater than or equal to 1.";
        return Err(ApiError::invalid("amount", why).code("parameter_invalid_integer"));
    }
    let least = LEAST
        .iter()
        .find(|(code, _)| *code == currency)
        .map_or(1, |(_, least)| *least);
    if amount < least {
        let why = format!("Amount must be at least {} {currency}", display(least, currency));
        return Err(ApiError::invalid("amount", why).code("amount_too_small"));
    }
    if amount > MOST {
        let why = format!(
            "Amount must be no more than {} {currency}",
            display(MOST, currency)
        );
        return Err(ApiError::invalid("amount", why).code("amount_too_large"));
    }
    if among(THREE_DECIMAL, currency) && amount % 10 != 0 {
        let why = format!(
            "Invalid amount: an amount in {currency} must end in 0; card networks count two decimals."
        );
        return Err(ApiError::invalid("amount", why));
    }
    Ok(())
}

/// `1999` as `$19.99`; without a sign where the currency has none that everyone knows.
pub(crate) fn display(amount: i64, currency: &str) -> String {
    let sign = match currency {
        "usd" => "$",
        "eur" => "€",
        "gbp" => "£",
        "jpy" => "¥",
        _ => "",
    };
    let decimals: u32 = if among(ZERO_DECIMAL, currency) {
        0
    } else if among(THREE_DECIMAL, currency) {
        3
    } else {
        2
    };
    let unit = 10_i64.pow(decimals);
    let (whole, rest) = (grouped(amount / unit), amount % unit);
    match usize::try_from(decimals) {
        Ok(width @ 1..) => format!("{sign}{whole}.{rest:0width$}"),
        Ok(0) | Err(_) => format!("{sign}{whole}"),
    }
}

fn grouped(whole: i64) -> String {
    let digits = whole.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_bounded_as_stripe_bounds_them() {
        let code = |amount, currency| {
            check_amount(amount, currency)
                .err()
                .map(|e| e.body()["error"]["code"].clone())
        };
        assert_eq!(code(50, "usd"), None);
        assert_eq!(code(49, "usd"), Some("amount_too_small".into()));
        assert_eq!(code(30, "gbp"), None);
        assert_eq!(code(49, "jpy"), Some("amount_too_small".into()));
        assert_eq!(code(99_999_999, "usd"), None);
        assert_eq!(code(100_000_000, "usd"), Some("amount_too_large".into()));
        assert_eq!(code(0, "usd"), Some("parameter_invalid_integer".into()));
        assert!(check_amount(1_234, "kwd").is_err());
        assert!(check_amount(1_230, "kwd").is_ok());
        assert!(parse("XYZ").is_err());
        assert_eq!(parse("USD").unwrap(), "usd");
    }

    #[test]
    fn money_reads_as_people_write_it() {
        assert_eq!(display(99_999_999, "usd"), "$999,999.99");
        assert_eq!(display(5, "eur"), "€0.05");
        assert_eq!(display(50, "jpy"), "¥50");
        assert_eq!(display(1_230, "kwd"), "1.230");
    }
}
