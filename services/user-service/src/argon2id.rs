//! Argon2id in memory that goes back to the system when a hash is made.
//!
//! The crate's own buffer of 19 MiB comes from the allocator, which keeps it for the thread that freed it: a few
//! sign-ins on as many threads would hold more memory for ever than the rest of the shop does.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{Error, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// glibc maps what is larger than this (`DEFAULT_MMAP_THRESHOLD_MAX`, 32 MiB) on its own and unmaps it when it is
/// freed. Asking for more than is used costs addresses, not memory.
const MAPPED: usize = 33 * 1024 * 1024;

/// A new hash of `password`, with a random salt.
pub(crate) fn make(params: Params, password: &[u8]) -> Result<PasswordHash> {
    let salt = Salt::generate();
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let output = digest(
        Algorithm::Argon2id,
        Version::V0x13,
        &params,
        (password, &salt),
        length,
    )?;
    Ok(PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params)?,
        salt: Some(salt),
        hash: Some(output),
    })
}

/// Whether `hash`, of whichever variant of Argon2, was made of `password`. Compares in constant time.
pub(crate) fn matches(hash: &PasswordHash, password: &[u8]) -> bool {
    let (Some(salt), Some(wanted)) = (&hash.salt, &hash.hash) else {
        return false;
    };
    let again = || {
        let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
        let version = hash.version.map(Version::try_from).transpose()?;
        let (version, params) = (version.unwrap_or_default(), Params::try_from(hash)?);
        digest(algorithm, version, &params, (password, salt), wanted.len())
    };
    again().is_ok_and(|again| again == *wanted)
}

fn digest(
    algorithm: Algorithm,
    version: Version,
    params: &Params,
    (password, salt): (&[u8], &Salt),
    length: usize,
) -> Result<Output> {
    let count = params.block_count();
    let mut blocks = Vec::new();
    let reserved = blocks.try_reserve_exact(count.max(MAPPED / Block::SIZE));
    reserved.map_err(|_| argon2::Error::OutOfMemory)?;
    blocks.resize(count, Block::default());
    let argon2 = Argon2::new(algorithm, version, params.clone());
    let mut out = [0; Output::MAX_LENGTH];
    let out = out.get_mut(..length).ok_or(Error::OutputSize)?;
    argon2.hash_password_into_with_memory(password, salt, out, &mut blocks)?;
    Ok(Output::new(out)?)
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher as _, PasswordVerifier as _};

    use super::*;

    #[test]
    fn our_hashes_and_the_crates_own_are_the_same() {
        let params = Params::new(64, 2, 1, None).unwrap();
        let theirs: PasswordHash = Argon2::new(Algorithm::Argon2i, Version::V0x10, params.clone())
            .hash_password(b"right")
            .unwrap();
        assert!(matches(&theirs, b"right") && !matches(&theirs, b"wrong"));
        let ours = make(params, b"right").unwrap();
        assert!(Argon2::default().verify_password(b"right", &ours).is_ok());
        assert!(Argon2::default().verify_password(b"wrong", &ours).is_err());
        assert!(matches(&ours, b"right") && !matches(&ours, b"wrong"));
    }
}
