//! Where a request came from, as far as it is kept.

use std::net::IpAddr;

use http::HeaderMap;

/// The network of the address that the gateway saw (the last of `X-Forwarded-For`): /24, or /48 in IPv6.
#[must_use]
pub fn network_of(headers: &HeaderMap) -> Option<String> {
    let list = headers.get("x-forwarded-for")?.to_str().ok()?;
    let address: IpAddr = list.rsplit(',').next()?.trim().parse().ok()?;
    Some(match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    // AUD-1
    #[test]
    fn only_the_network_of_the_last_hop_is_kept() {
        for (list, network) in [
            ("203.0.113.77", Some("203.0.113.0/24")),
            ("10.0.0.1, 203.0.113.77", Some("203.0.113.0/24")),
            ("2001:db8:7:1::9", Some("2001:db8:7::/48")),
            ("::ffff:203.0.113.77", Some("203.0.113.0/24")),
            ("nobody", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", HeaderValue::from_static(list));
            assert_eq!(network_of(&headers).as_deref(), network, "{list}");
        }
    }
}
