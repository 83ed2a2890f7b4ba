//! Cursors: where a list goes on, signed so that only we can make them and only for the list they came from.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use runtime::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use wire::code;

use crate::problem::Problem;

/// How much of the signature a cursor carries, in bytes.
const TAG: usize = 16;

/// Makes and reads cursors.
#[derive(Clone)]
pub struct CursorKey(Secret);

impl CursorKey {
    /// Signs with `secret`.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// A cursor that goes on after `position` in the list that `list` describes (its route, filters and sort).
    #[must_use]
    pub fn encode(&self, list: &str, position: &impl Serialize) -> String {
        let mut bytes = serde_json::to_vec(position).unwrap_or_default();
        let tag = self.tag(list, &bytes);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position in `cursor`; refused (400) if it was tampered with or is another list's (PAG-2).
    pub fn decode<T: DeserializeOwned>(&self, list: &str, cursor: &str) -> Result<T, Problem> {
        let refused = || Problem::new(code::INVALID_CURSOR).detail("Start the list again without a cursor.");
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
        let (position, tag) = bytes.split_last_chunk::<TAG>().ok_or_else(refused)?;
        let mut mac = self.mac(list);
        mac.update(position);
        mac.verify_truncated_left(tag).map_err(|_| refused())?;
        serde_json::from_slice(position).map_err(|_| refused())
    }

    fn tag(&self, list: &str, position: &[u8]) -> Vec<u8> {
        let mut mac = self.mac(list);
        mac.update(position);
        mac.finalize().into_bytes().into_iter().take(TAG).collect()
    }

    /// Keyed by the secret, bound to the list.
    fn mac(&self, list: &str) -> Hmac<Sha256> {
        let mut key = Vec::from(self.0.expose().as_bytes());
        key.extend_from_slice(b"cursor");
        let digest = <Sha256 as sha2::Digest>::digest(&key);
        let mut block = [0_u8; 64];
        block.iter_mut().zip(digest).for_each(|(slot, byte)| *slot = byte);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(&(list.len() as u64).to_be_bytes());
        mac.update(list.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // PAG-1, PAG-2
    #[test]
    fn a_cursor_reads_back_only_untouched_and_only_for_its_list() {
        let key = CursorKey::new(Secret::new("a secret"));
        let cursor = key.encode("products?sort=newest", &("2026-01-01", 7));
        assert_eq!(
            key.decode::<(String, i64)>("products?sort=newest", &cursor)
                .unwrap(),
            ("2026-01-01".to_owned(), 7)
        );
        assert!(
            key.decode::<(String, i64)>("products?sort=name", &cursor)
                .is_err()
        );
        assert!(
            CursorKey::new(Secret::new("another"))
                .decode::<(String, i64)>("products?sort=newest", &cursor)
                .is_err()
        );
        for at in 0..cursor.len() {
            let mut bytes = cursor.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let touched = String::from_utf8(bytes).unwrap();
            assert!(
                touched == cursor
                    || key
                        .decode::<(String, i64)>("products?sort=newest", &touched)
                        .is_err()
            );
        }
    }
}
