//! Card data in a body: refused wherever it turns up, in fields that nobody reads too, so that it is neither kept nor
//! logged anywhere (PAY-18).

use serde_json::Value;
use types::holds_card_number;

/// What its sender is told; never the number.
pub(crate) const WHY: &str =
    "card data has no business here: it goes to the payment provider, never to this shop";

/// What fields for card data are called, in small letters and without what joins words.
const FIELDS: [&str; 9] = [
    "cardnumber",
    "cardno",
    "cardcvc",
    "cardcvv",
    "cvc",
    "cvc2",
    "cvv",
    "cvv2",
    "cardsecuritycode",
];

/// Where a JSON body holds card data, as a pointer. A body that cannot hold any is looked through once; one that may, for
/// there is some in it or an escape that may stand for it, is parsed, and nothing is kept of it.
pub(crate) fn find(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let suspect = text.contains('\\') || keys(text).any(is_card_field) || holds_card_number(text);
    if !suspect {
        return None;
    }
    match serde_json::from_str(text) {
        Ok(value) => point(&value, String::new()),
        // What is no JSON is refused as such.
        Err(_) => None,
    }
}

/// The strings that are followed by a colon.
fn keys(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('"')?;
            let end = closing(after)?;
            let (string, beyond) = (after.get(..end)?, after.get(end + 1..)?);
            rest = beyond;
            if beyond.trim_start().starts_with(':') {
                return Some(string);
            }
        }
    })
}

/// Where the string ends.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => byte == b'"',
    })
}

fn is_card_field(key: &str) -> bool {
    // Longer than any of them, whatever joins its words.
    if key.len() > 24 {
        return false;
    }
    let plain: String = key
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    FIELDS.contains(&plain.as_str())
}

fn point(value: &Value, at: String) -> Option<String> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            if holds_card_number(key) {
                return Some(at.clone());
            }
            let here = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
            match is_card_field(key) {
                true => Some(here),
                false => point(value, here),
            }
        }),
        Value::Array(items) => (0..)
            .zip(items)
            .find_map(|(index, item): (usize, _)| point(item, format!("{at}/{index}"))),
        Value::String(text) => holds_card_number(text).then_some(at),
        Value::Number(number) => holds_card_number(&number.to_string()).then_some(at),
        Value::Bool(_) | Value::Null => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // PAY-18
    #[test]
    fn card_data_is_found_wherever_it_is() {
        for (body, pointer) in [
            (r#"{"orderId": 1, "cardNumber": null}"#, "/cardNumber"),
            (r#"{"card": {"CVC" : "123"}}"#, "/card/CVC"),
            (r#"{"a": [{"card_number": "x"}]}"#, "/a/0/card_number"),
            (r#"{"notes": "4242 4242 4242 4242"}"#, "/notes"),
            (r#"{"orderId": 4242424242424242}"#, "/orderId"),
            (r#"["ok", "5555-5555-5555-4444"]"#, "/1"),
            (r#"{"4242424242424242": 1}"#, ""),
            (r#"{"notes": "\u0034242424242424242"}"#, "/notes"),
            (r#"{"notes": "4242\t4242\u20094242\u00a04242"}"#, "/notes"),
            (r#"{"c\u0061rdNumber": null}"#, "/cardNumber"),
        ] {
            assert_eq!(find(body.as_bytes()).as_deref(), Some(pointer), "{body}");
        }
    }

    #[test]
    fn other_bodies_pass() {
        for body in [
            r#"{"name": "Card number printing kit", "description": "prints a cvc, \"cvv\": or so"}"#,
            r#"{"id": 4006381333931, "price": 1999.99, "at": "2030-01-01T12:00:00Z"}"#,
            r#"{"cvcs": 1, "cardholder": "A. Lice"}"#,
            "not json 4242424242424242",
            "",
            "{\"",
        ] {
            assert_eq!(find(body.as_bytes()), None, "{body}");
        }
    }
}
