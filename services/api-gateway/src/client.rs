//! Who is at the other end: the address, scheme and host, believed from proxies of ours only.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";

/// The client, as far as it can be known.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Whether it came by HTTPS.
    pub(crate) secure: bool,
    host: Option<HeaderValue>,
    /// The addresses that are believed, the client's first and the peer's last.
    trail: String,
}

impl Client {
    /// Reads what the last `hops` proxies say; with none, the peer is the client and headers count for nothing.
    pub(crate) fn of(parts: &Parts, hops: usize) -> Self {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |c| c.0.ip().to_canonical());
        let believed = |name: &str| (hops > 0).then(|| last(&parts.headers, name)).flatten();
        // Each proxy appends whom it saw. The nearest `hops` entries are from ours; the first of them is the client.
        let mut trail: Vec<IpAddr> = listed(&parts.headers, FOR)
            .rev()
            .map_while(|entry| entry.parse::<IpAddr>().ok())
            .map(|ip| ip.to_canonical())
            .take(hops)
            .collect();
        trail.reverse();
        trail.push(peer);
        let host = match parts.uri.authority() {
            Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
            None => parts.headers.get(HOST).cloned(),
        };
        Self {
            address: trail.first().copied().unwrap_or(peer),
            secure: believed(PROTO).is_some_and(|proto| proto == "https"),
            host: believed(FORWARDED_HOST)
                .and_then(|host| HeaderValue::from_str(host).ok())
                .or(host),
            trail: trail
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        }
    }

    /// Tells the service behind. Whatever the client said under these names is gone by then.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if let Ok(trail) = HeaderValue::from_str(&self.trail) {
            headers.insert(FOR, trail);
        }
        let proto = if self.secure { "https" } else { "http" };
        headers.insert(PROTO, HeaderValue::from_static(proto));
        if let Some(host) = &self.host {
            headers.insert(FORWARDED_HOST, host.clone());
        }
    }
}

/// The values of a comma list that may be spread over several headers.
fn listed<'a>(headers: &'a HeaderMap, name: &str) -> impl DoubleEndedIterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

fn last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    listed(headers, name).next_back()
}
