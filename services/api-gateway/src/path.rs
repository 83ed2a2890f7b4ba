//! Paths in one spelling. A path is brought into it once, at the door, and everything behind sees that one only.

use std::borrow::Cow;

use http::Uri;
use http::uri::PathAndQuery;

/// Why a path is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadPath {
    /// It is no path.
    Malformed,
    /// It hides another path: an encoded slash, a backslash, `..;`.
    Hiding,
}

/// `uri` with its path in normal form: unreserved characters decoded, other escapes in upper case, no dot
/// segments, no empty segments. Case is kept: `/API` is not `/api`. The query stays as it is.
pub(crate) fn normalise(uri: &Uri) -> Result<Uri, BadPath> {
    let path = normal(uri.path())?;
    let target = match uri.query() {
        Some(query) => Cow::Owned(format!("{path}?{query}")),
        None => path,
    };
    let target = PathAndQuery::try_from(target.as_ref()).map_err(|_| BadPath::Malformed)?;
    Ok(Uri::from(target))
}

fn normal(path: &str) -> Result<Cow<'_, str>, BadPath> {
    if !path.starts_with('/') {
        return Err(BadPath::Malformed);
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'~' | b'.');
    if path.bytes().all(plain) && !path.contains("//") && !path.contains("/.") {
        return Ok(Cow::Borrowed(path));
    }
    let decoded = decode(path)?;
    let mut kept: Vec<&str> = Vec::new();
    let mut open = false;
    for segment in decoded.split('/').skip(1) {
        let name = segment.split(';').next().unwrap_or_default();
        let name = name.split("%3B").next().unwrap_or_default();
        open = true;
        match name {
            "." | ".." if name != segment => return Err(BadPath::Hiding),
            "" if segment.is_empty() => {}
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => {
                kept.push(segment);
                open = false;
            }
        }
    }
    let tail = if open && !kept.is_empty() { "/" } else { "" };
    Ok(Cow::Owned(format!("/{}{tail}", kept.join("/"))))
}

/// Decodes what needs no escape and spells the other escapes alike.
fn decode(path: &str) -> Result<String, BadPath> {
    let mut text = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let (high, low) = (bytes.next().and_then(hex), bytes.next().and_then(hex));
                let value = high.zip(low).map(|(h, l)| h * 16 + l).ok_or(BadPath::Malformed)?;
                match value {
                    b'/' | b'\\' => return Err(BadPath::Hiding),
                    0..=0x1f | 0x7f => return Err(BadPath::Malformed),
                    b'-' | b'.' | b'_' | b'~' => text.push(char::from(value)),
                    _ if value.is_ascii_alphanumeric() => text.push(char::from(value)),
                    _ => escape(&mut text, value),
                }
            }
            b'\\' => return Err(BadPath::Hiding),
            0..=0x20 | 0x7f => return Err(BadPath::Malformed),
            0x80.. => escape(&mut text, byte),
            _ => text.push(char::from(byte)),
        }
    }
    Ok(text)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

fn escape(text: &mut String, byte: u8) {
    use std::fmt::Write as _;
    // Writing into a String cannot fail.
    let _ = write!(text, "%{byte:02X}");
}

#[cfg(test)]
mod tests {
    use super::*;

    // GW-2
    #[test]
    fn every_spelling_of_a_path_becomes_one() {
        for (spelled, normalised) in [
            ("/", "/"),
            ("/api/orders/7", "/api/orders/7"),
            ("//api///orders//7", "/api/orders/7"),
            ("/api/./orders/./7", "/api/orders/7"),
            ("/api/products/../orders/7", "/api/orders/7"),
            ("/../../api/orders", "/api/orders"),
            ("/%61pi/%6Frders/%37", "/api/orders/7"),
            ("/api/%2e%2e/internal", "/internal"),
            ("/api/products/caf%c3%a9", "/api/products/caf%C3%A9"),
            ("/api/products/a%20b", "/api/products/a%20b"),
            ("/API/Orders", "/API/Orders"),
            ("/api/orders/", "/api/orders/"),
            ("/api/orders/..", "/api/"),
            ("/%2561pi", "/%2561pi"),
            ("/...", "/..."),
        ] {
            assert_eq!(normal(spelled).unwrap(), normalised, "{spelled}");
            assert_eq!(normal(normalised).unwrap(), normalised, "normal form is final");
        }
    }

    // GW-2
    #[test]
    fn a_path_that_hides_another_is_turned_away() {
        for hiding in [
            "/x/..%2finternal",
            "/x/..%2Finternal",
            "/api/..;/internal",
            "/api/..%3b/internal",
            "/api/.;x=1/",
            "/api\\internal",
            "/api/..%5cinternal",
        ] {
            assert_eq!(normal(hiding), Err(BadPath::Hiding), "{hiding}");
        }
        for malformed in [
            "", "*", "x", "/%", "/%4", "/%zz", "/a%00b", "/%0a", "/%7f", "/a b",
        ] {
            assert_eq!(normal(malformed), Err(BadPath::Malformed), "{malformed}");
        }
    }
}
