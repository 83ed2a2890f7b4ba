//! Keeps private keys unreadable to whoever reads the database alone.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use runtime::Secret;

/// A key of its own for each purpose, made from one secret.
#[must_use]
pub fn derive(secret: &Secret, purpose: &str) -> hmac::Tag {
    hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()),
        purpose.as_bytes(),
    )
}

/// Seals with the first secret, opens with any: so secrets are replaced without a pause.
#[derive(Clone)]
pub struct Sealer(Vec<hmac::Tag>);

impl Sealer {
    /// Seals and opens under `secrets`.
    #[must_use]
    pub fn new(secrets: &[Secret]) -> Self {
        Self(
            secrets
                .iter()
                .map(|secret| derive(secret, "souk signing keys"))
                .collect(),
        )
    }

    /// `plain` sealed, bound to `name`: the nonce, then the ciphertext and its tag.
    #[must_use]
    pub fn seal(&self, name: &str, plain: &[u8]) -> Option<Vec<u8>> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, self.0.first()?.as_ref()).ok()?;
        let mut text = plain.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut text)
            .ok()?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Some(sealed)
    }

    /// What was sealed under `name`, if one of the secrets opens it.
    #[must_use]
    pub fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        self.0.iter().find_map(|key| {
            let key = RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).ok()?;
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut text = text.to_vec();
            let plain = key
                .open_in_place(nonce, Aad::from(name.as_bytes()), &mut text)
                .ok()?;
            Some(plain.to_vec())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_and_the_name_open_what_was_sealed() {
        let sealer =
            |secrets: &[&str]| Sealer::new(&secrets.iter().map(|s| Secret::new(*s)).collect::<Vec<_>>());
        let sealed = sealer(&["one"]).seal("key-1", b"private").unwrap();
        assert!(!sealed.windows(7).any(|w| w == b"private"));
        assert_eq!(
            sealer(&["two", "one"]).open("key-1", &sealed).unwrap(),
            b"private"
        );
        assert_eq!(sealer(&["two"]).open("key-1", &sealed), None);
        assert_eq!(sealer(&["one"]).open("key-2", &sealed), None);
        assert_eq!(sealer(&["one"]).open("key-1", b"short"), None);
    }
}
