//! Where a carrier shows how far a parcel is.

use std::fmt::{self, Write as _};
use std::str::FromStr;

/// Stands for the parcel's number in an address.
const NUMBER: &str = "{number}";

/// Addresses by carrier. Written as `carrier=address` by commas, with `{number}` where the parcel's number goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackingLinks(Vec<(String, String)>);

/// What is wrong with a list of carriers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not such as UPS=https://www.ups.com/track?tracknum={{number}}")]
pub struct BadLink(String);

impl Default for TrackingLinks {
    /// The carriers whose pages are known. An address of which two who do not copy each other say the same may join
    /// them; a parcel of any other carrier is told by its number alone.
    fn default() -> Self {
        let known = [
            ("UPS", "https://www.ups.com/track?tracknum={number}"),
            ("FedEx", "https://www.fedex.com/fedextrack/?trknbr={number}"),
            (
                "USPS",
                "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}",
            ),
            (
                "DHL",
                "https://www.dhl.com/global-en/home/tracking.html?tracking-id={number}",
            ),
        ];
        Self(
            known
                .map(|(carrier, url)| (carrier.to_owned(), url.to_owned()))
                .to_vec(),
        )
    }
}

impl FromStr for TrackingLinks {
    type Err = BadLink;

    fn from_str(text: &str) -> Result<Self, BadLink> {
        let one = |entry: &str| {
            let (carrier, url) = entry.split_once('=')?;
            let whole = url.starts_with("https://") && url.contains(NUMBER) && !name(carrier).is_empty();
            whole.then(|| (carrier.trim().to_owned(), url.to_owned()))
        };
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let links = entries.map(|entry| one(entry).ok_or_else(|| BadLink(entry.to_owned())));
        Ok(Self(links.collect::<Result<_, _>>()?))
    }
}

impl fmt::Display for TrackingLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (carrier, url)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{carrier}={url}")?;
        }
        Ok(())
    }
}

impl TrackingLinks {
    /// Where the parcel `number` of `carrier` is shown, if the carrier is known.
    #[must_use]
    pub fn link(&self, carrier: &str, number: &str) -> Option<String> {
        let wanted = name(carrier);
        let (_, url) = self.0.iter().find(|(known, _)| name(known) == wanted)?;
        Some(url.replace(NUMBER, &encoded(number.trim())))
    }
}

/// A carrier's name as it is compared: `D.H.L.` is `dhl`.
fn name(carrier: &str) -> String {
    let kept = carrier.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

/// What cannot be anything but a part of a path or a query.
fn encoded(text: &str) -> String {
    let mut url = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            url.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_are_told_by_their_letters_and_numbers_are_encoded() {
        let links = TrackingLinks::default();
        assert_eq!(links.to_string().parse(), Ok(links.clone()));
        let ups = Some("https://www.ups.com/track?tracknum=1Z%2F9%26a".to_owned());
        assert_eq!(links.link(" ups ", "1Z/9&a"), ups);
        assert_eq!(links.link("Pošta", "1"), None);
        assert_eq!(links.link("", "1"), None);
        let own: TrackingLinks =
            "Česká pošta=https://post.example/{number}/x, DHL=https://d.example/?n={number}"
                .parse()
                .unwrap();
        assert_eq!(
            own.link("česká Pošta", "Ř1"),
            Some("https://post.example/%C5%981/x".to_owned())
        );
        assert_eq!(own.link("UPS", "1"), None);
        assert_eq!("".parse(), Ok(TrackingLinks(Vec::new())));
        for wrong in [
            "UPS",
            "UPS=",
            "UPS=http://a.example/{number}",
            "UPS=https://a.example/",
            "=https://a.example/{number}",
            "UPS=javascript:{number}",
        ] {
            assert!(wrong.parse::<TrackingLinks>().is_err(), "{wrong}");
        }
    }
}
