//! Headers that end here: what a client may not say to a service, and what a service may not say to a client.

use http::header::{CONNECTION, CONTENT_LOCATION, HeaderName, LOCATION, SERVER};
use http::{HeaderMap, HeaderValue};

/// Meant for one connection only (RFC 9110, 7.6.1), and their old cousins.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];
/// By these a client could pass for a user, a service or another address, or for another method or path (GW-1).
const SPOOFED: [&str; 8] = [
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-original-url",
    "x-original-method",
    "x-rewrite-url",
    "x-http-method-override",
    "x-method-override",
];
const SPOOFED_PREFIXES: [&str; 3] = ["x-user-", "x-internal-", "x-forwarded-"];
/// Banners, and what the gateway says itself.
const NOT_OUT: [&str; 2] = ["x-powered-by", "via"];
const NOT_OUT_PREFIXES: [&str; 2] = ["access-control-", "x-internal-"];

/// Drops from a request what must not reach a service.
pub(crate) fn clean_request(headers: &mut HeaderMap) {
    drop_hop_by_hop(headers);
    drop_where(headers, |name| {
        SPOOFED.contains(&name) || SPOOFED_PREFIXES.iter().any(|p| name.starts_with(p))
    });
}

/// Drops from an answer what must not reach a client, and turns the service's own paths into ours.
pub(crate) fn clean_response(headers: &mut HeaderMap) {
    drop_hop_by_hop(headers);
    headers.remove(SERVER);
    drop_where(headers, |name| {
        NOT_OUT.contains(&name) || NOT_OUT_PREFIXES.iter().any(|p| name.starts_with(p))
    });
    for name in [LOCATION, CONTENT_LOCATION] {
        let ours = headers.get(&name).and_then(|v| v.to_str().ok()).and_then(outside);
        if let Some(value) = ours {
            headers.insert(name, value);
        }
    }
}

/// `/orders/7` as the world knows it: `/api/orders/7`. Addresses elsewhere stay as they are.
fn outside(location: &str) -> Option<HeaderValue> {
    let inside = location.starts_with('/') && !location.starts_with("//") && !location.starts_with("/api/");
    inside
        .then(|| HeaderValue::from_str(&format!("/api{location}")).ok())
        .flatten()
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

fn drop_where(headers: &mut HeaderMap, unwanted: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| unwanted(name.as_str()))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}
