//! Which web pages of other origins may call the API, and what they may see (Fetch standard).

use std::fmt;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, Traceparent",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Location, Retry-After, X-Request-Id, RateLimit, RateLimit-Policy, Idempotent-Replayed",
);
/// How long a browser may keep a preflight's answer, in seconds.
const KEEP: HeaderValue = HeaderValue::from_static("600");

/// The origins that may call from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// None but our own.
    None,
    /// All, and so never with credentials.
    Any,
    /// Exactly these.
    Only(Vec<HeaderValue>),
}

/// A setting that holds no origins.
#[derive(Debug, PartialEq, Eq)]
pub struct BadOrigins(String);

impl fmt::Display for BadOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is no origin such as https://shop.example; give a list by commas, `*` or `none`",
            self.0
        )
    }
}

impl Origins {
    /// Reads `none`, `*`, or origins by commas.
    pub fn parse(text: &str) -> Result<Self, BadOrigins> {
        match text.trim() {
            "none" => Ok(Self::None),
            "*" => Ok(Self::Any),
            list => list
                .split(',')
                .map(|origin| parse_origin(origin.trim()))
                .collect::<Result<_, _>>()
                .map(Self::Only),
        }
    }

    /// The answer to a preflight, if this is one. It comes before token and limits: a browser sends neither.
    pub(crate) fn preflight(&self, parts: &Parts) -> Option<Response> {
        let asks = parts.method == Method::OPTIONS
            && parts.headers.contains_key(ORIGIN)
            && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if self.allows(parts.headers.get(ORIGIN)?).is_some() {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
            headers.insert(ACCESS_CONTROL_MAX_AGE, KEEP);
        }
        Some(response)
    }

    /// Tells a browser whether the page from `origin` may see the answer.
    pub(crate) fn write(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if let Self::Only(_) = self {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(allowed) = origin.and_then(|origin| self.allows(origin)) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            if let Self::Only(_) = self {
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
        }
    }

    fn allows(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match self {
            Self::None => None,
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Only(list) => list.iter().find(|allowed| *allowed == origin).cloned(),
        }
    }
}

fn parse_origin(text: &str) -> Result<HeaderValue, BadOrigins> {
    let refused = || BadOrigins(text.to_owned());
    let uri: Uri = text.parse().map_err(|_| refused())?;
    let scheme = uri.scheme_str().filter(|s| matches!(*s, "http" | "https"));
    let authority = uri.authority().filter(|a| !a.as_str().contains('@'));
    match scheme.zip(authority) {
        // A browser sends an origin in lower case and without a slash; only that spelling can ever match.
        Some((scheme, authority)) if text == format!("{scheme}://{authority}").to_ascii_lowercase() => {
            HeaderValue::from_str(text).map_err(|_| refused())
        }
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // GW-14
    #[test]
    fn only_origins_are_taken_for_origins() {
        let one = Origins::parse("https://shop.example, http://localhost:3000").unwrap();
        assert!(matches!(one, Origins::Only(list) if list.len() == 2));
        assert_eq!(Origins::parse("*"), Ok(Origins::Any));
        assert_eq!(Origins::parse("none"), Ok(Origins::None));
        for bad in [
            "shop.example",
            "https://shop.example/",
            "https://Shop.example",
            "https://*.example/x",
            "ftp://shop.example",
            "https://a@shop.example",
            "https://shop.example,*",
            "null",
        ] {
            assert!(Origins::parse(bad).is_err(), "{bad}");
        }
    }
}
