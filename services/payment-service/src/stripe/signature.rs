//! `Stripe-Signature`: proof that a webhook comes from Stripe, and recently (PAY-6).

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use runtime::Secret;
use sha2::Sha256;
use time::OffsetDateTime;

/// How old, or how far ahead, a signature may be.
const TOLERANCE: Duration = Duration::from_secs(300);
/// Signatures looked at in one header; Stripe sends one per active secret.
const MOST: usize = 16;

/// The secrets of the webhook endpoint; several while they rotate.
#[derive(Clone, Debug)]
pub struct Signatures(Vec<Secret>);

/// There is nothing to verify with: everybody's events would be taken, or nobody's.
#[derive(Debug, thiserror::Error)]
#[error(
    "STRIPE_WEBHOOK_SECRETS holds an empty secret, or none; give the signing secret of the webhook endpoint"
)]
pub struct NoSecret;

/// Why a webhook is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    /// The header is absent or not of the form `t=…,v1=…`.
    #[error("Stripe-Signature is missing or malformed")]
    Malformed,
    /// No signature is of any active secret over these very bytes.
    #[error("no signature matches the body")]
    Wrong,
    /// It was right once.
    #[error("the signature is older than five minutes, or from the future")]
    Stale,
}

impl Signatures {
    /// Verifies by `secrets`.
    ///
    /// # Errors
    /// One is empty, or there is none.
    pub fn new(secrets: Vec<Secret>) -> Result<Self, NoSecret> {
        let blank = |s: &Secret| s.expose().trim().is_empty();
        if secrets.is_empty() || secrets.iter().any(blank) {
            return Err(NoSecret);
        }
        Ok(Self(secrets))
    }

    /// Checks `header` against the bytes as they came.
    ///
    /// # Errors
    /// See [`BadSignature`].
    pub fn verify(&self, header: &str, body: &[u8], now: OffsetDateTime) -> Result<(), BadSignature> {
        let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
        let timestamp = parts().find(|(name, _)| *name == "t").map(|(_, value)| value);
        let timestamp = timestamp.ok_or(BadSignature::Malformed)?;
        let at: i64 = timestamp.parse().map_err(|_| BadSignature::Malformed)?;
        let given: Vec<Vec<u8>> = parts()
            .filter(|(name, _)| *name == "v1")
            .take(MOST)
            .filter_map(|(_, value)| hex::decode(value).ok())
            .collect();
        if given.is_empty() {
            return Err(BadSignature::Malformed);
        }
        let matches = self.0.iter().any(|secret| {
            given.iter().any(|signature| {
                // Compares in constant time.
                mac(secret, timestamp, body).is_some_and(|mac| mac.verify_slice(signature).is_ok())
            })
        });
        if !matches {
            return Err(BadSignature::Wrong);
        }
        let off = now.unix_timestamp().abs_diff(at);
        if off > TOLERANCE.as_secs() {
            return Err(BadSignature::Stale);
        }
        Ok(())
    }
}

/// The header that proves `body`, made at `at`.
#[must_use]
pub fn sign(secret: &Secret, body: &[u8], at: OffsetDateTime) -> String {
    let at = at.unix_timestamp().to_string();
    let signature = mac(secret, &at, body).map(|mac| hex::encode(mac.finalize().into_bytes()));
    format!("t={at},v1={}", signature.unwrap_or_default())
}

fn mac(secret: &Secret, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = time::macros::datetime!(2026-01-01 00:00 UTC);
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn signatures(secrets: &[&str]) -> Signatures {
        Signatures::new(secrets.iter().map(|s| Secret::new(*s)).collect()).unwrap()
    }

    // PAY-6
    #[test]
    fn only_a_recent_signature_by_an_active_secret_over_these_bytes_is_believed() {
        let ours = Secret::new("whsec_new");
        let header = sign(&ours, BODY, NOW);
        let check =
            |secrets: &[&str], header: &str, body: &[u8], now| signatures(secrets).verify(header, body, now);
        assert_eq!(check(&["whsec_new"], &header, BODY, NOW), Ok(()));
        assert_eq!(check(&["whsec_old", "whsec_new"], &header, BODY, NOW), Ok(()));
        assert_eq!(
            check(&["whsec_old"], &header, BODY, NOW),
            Err(BadSignature::Wrong)
        );
        assert_eq!(
            check(&["whsec_new"], &header, b"{}", NOW),
            Err(BadSignature::Wrong)
        );
        assert_eq!(check(&["whsec_new"], &header, b"", NOW), Err(BadSignature::Wrong));
        let rotated = format!("{header},v1={}", "00".repeat(32));
        assert_eq!(check(&["whsec_new"], &rotated, BODY, NOW), Ok(()));
        for seconds in [-301, 301] {
            let then = NOW + time::Duration::seconds(seconds);
            assert_eq!(
                check(&["whsec_new"], &header, BODY, then),
                Err(BadSignature::Stale)
            );
        }
        let cut = header.get(..header.len() - 2).unwrap();
        assert_eq!(check(&["whsec_new"], cut, BODY, NOW), Err(BadSignature::Wrong));
        for nonsense in [
            "",
            "t=1",
            "v1=00",
            "t=x,v1=00",
            "t=1,v0=00",
            "t=1,v1=zz",
            "t=-1,v1=",
        ] {
            assert!(check(&["whsec_new"], nonsense, BODY, NOW).is_err(), "{nonsense}");
        }
    }

    // PAY-6
    #[test]
    fn an_empty_secret_is_no_secret() {
        for secrets in [
            vec![],
            vec![Secret::new("")],
            vec![Secret::new("whsec_x"), Secret::new(" ")],
        ] {
            assert!(Signatures::new(secrets).is_err());
        }
    }
}
