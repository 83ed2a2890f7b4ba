//! Refresh tokens: random at the sign-in, derived from their predecessor after it, kept as hashes only.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runtime::Secret;

use crate::error::UserError;
use crate::sealer::derive;

/// 256 bits in base64url (or what a client sends instead).
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(String);

/// What derives successors: the same token always has the same one, so that it need not be stored to be said
/// again. The first key derives; older ones still recognise.
#[derive(Clone)]
pub struct RefreshKey(Vec<hmac::Key>);

impl RefreshKey {
    /// Derives under `secrets`.
    #[must_use]
    pub fn new(secrets: &[Secret]) -> Self {
        let key = |secret| hmac::Key::new(hmac::HMAC_SHA256, derive(secret, "souk refresh tokens").as_ref());
        Self(secrets.iter().map(key).collect())
    }
}

impl RefreshToken {
    /// A new one.
    pub fn random() -> Result<Self, UserError> {
        let mut bytes = [0_u8; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| UserError::Hash("no randomness".to_owned()))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// What a client presents.
    #[must_use]
    pub fn presented(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The tokens that follow this one, the one of the current key first.
    pub fn successors<'a>(&'a self, key: &'a RefreshKey) -> impl Iterator<Item = Self> + 'a {
        key.0
            .iter()
            .map(|key| Self(URL_SAFE_NO_PAD.encode(hmac::sign(key, self.0.as_bytes()))))
    }

    /// What the database holds of it.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        digest::digest(&digest::SHA256, self.0.as_bytes())
            .as_ref()
            .to_vec()
    }

    /// The token, for its holder.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // AUT-6, AUT-7
    #[test]
    fn a_token_has_256_bits_and_one_successor_a_key() {
        let key = RefreshKey::new(&[Secret::new("one"), Secret::new("two")]);
        let token = RefreshToken::random().unwrap();
        assert_ne!(token, RefreshToken::random().unwrap());
        assert_eq!(
            URL_SAFE_NO_PAD.decode(token.clone().into_text()).unwrap().len(),
            32
        );
        let successors: Vec<_> = token.successors(&key).collect();
        assert_eq!(successors, token.successors(&key).collect::<Vec<_>>());
        assert_ne!(successors[0], successors[1]);
        assert_eq!(successors[0].hash().len(), 32);
    }
}
