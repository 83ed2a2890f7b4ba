//! Hashing passwords: slow and hungry on purpose, so it runs off the async threads and only a few at a time.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::argon2id;
use crate::domain::Password;
use crate::error::UserError;

/// What bcrypt reads of a password. Longer ones are refused, never cut.
pub const BCRYPT_MAX_BYTES: usize = 72;

/// The function that new hashes are made with. Both verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Argon2id, version 1.3.
    Argon2id {
        /// Memory a hash, in KiB.
        memory_kib: u32,
        /// Passes over it.
        iterations: u32,
        /// Lanes.
        lanes: u32,
    },
    /// bcrypt.
    Bcrypt {
        /// Two to this many rounds.
        cost: u32,
    },
}

/// How passwords are hashed.
#[derive(Clone, Copy, Debug)]
pub struct Hashing {
    /// The function.
    pub scheme: Scheme,
    /// How many at a time.
    pub parallelism: usize,
    /// How many may wait for their turn.
    pub queue: usize,
}

impl Default for Hashing {
    /// As an operator's command hashes: Argon2id with 19 MiB, two passes and one lane, one at a time.
    fn default() -> Self {
        Self {
            scheme: Scheme::Argon2id {
                memory_kib: 19_456,
                iterations: 2,
                lanes: 1,
            },
            parallelism: 1,
            queue: 100,
        }
    }
}

/// Hashes and verifies. Cheap to clone; all clones share their bounds.
#[derive(Clone)]
pub struct Hasher(Arc<Inner>);

struct Inner {
    scheme: Scheme,
    working: Arc<Semaphore>,
    /// Those who work and those who wait.
    admitted: Arc<Semaphore>,
    /// Verified where there is no account, so that both take the same work (AUT-11).
    nobody: Arc<str>,
}

impl Hasher {
    /// Ready to hash; makes one hash to check that it can.
    pub async fn start(hashing: Hashing) -> Result<Self, UserError> {
        let mut random = [0_u8; 24];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| UserError::Hash("no randomness".to_owned()))?;
        let scheme = hashing.scheme;
        let nobody = blocking(move || make(scheme, hex::encode(random).as_bytes())).await??;
        Ok(Self(Arc::new(Inner {
            scheme,
            working: Arc::new(Semaphore::new(hashing.parallelism)),
            admitted: Arc::new(Semaphore::new(hashing.parallelism + hashing.queue)),
            nobody: nobody.into(),
        })))
    }

    /// A new hash. [`UserError::Busy`] where too many wait.
    pub async fn hash(&self, password: Password) -> Result<String, UserError> {
        let (turn, scheme) = (self.turn().await?, self.0.scheme);
        blocking(move || {
            let _turn = turn; // until the work is done, also if nobody waits for it any more
            make(scheme, password.as_bytes())
        })
        .await?
    }

    /// Whether `password` is the one behind `stored`. Without a password or a hash it is not, and takes as long.
    pub async fn verify(
        &self,
        password: Option<Password>,
        stored: Option<String>,
    ) -> Result<bool, UserError> {
        let turn = self.turn().await?;
        let possible = password.is_some() && stored.is_some();
        let stored = stored.map_or_else(|| Arc::clone(&self.0.nobody), Arc::from);
        let right = blocking(move || {
            let _turn = turn;
            let password = password.as_ref().map_or(b"".as_slice(), Password::as_bytes);
            matches(password, &stored)
        })
        .await?;
        Ok(possible && right)
    }

    /// Whether `stored` was made in another way than hashes are made now.
    #[must_use]
    pub fn is_outdated(&self, stored: &str) -> bool {
        match self.0.scheme {
            Scheme::Argon2id {
                memory_kib,
                iterations,
                lanes,
            } => {
                let Ok(hash) = PasswordHash::new(stored) else {
                    return true;
                };
                let now = (memory_kib, iterations, lanes);
                hash.algorithm.as_str() != "argon2id"
                    || hash.version != Some(Version::V0x13.into())
                    || !Params::try_from(&hash).is_ok_and(|p| (p.m_cost(), p.t_cost(), p.p_cost()) == now)
            }
            Scheme::Bcrypt { cost } => !stored
                .parse::<bcrypt::HashParts>()
                .is_ok_and(|parts| parts.get_cost() == cost),
        }
    }

    /// Whether the function of now can hash `password` whole.
    #[must_use]
    pub fn can_hash(&self, password: &Password) -> bool {
        match self.0.scheme {
            Scheme::Argon2id { .. } => true,
            Scheme::Bcrypt { .. } => password.as_bytes().len() <= BCRYPT_MAX_BYTES,
        }
    }

    /// A place among those who work, waited for among those who may wait.
    async fn turn(&self) -> Result<[OwnedSemaphorePermit; 2], UserError> {
        let admitted = Arc::clone(&self.0.admitted).try_acquire_owned().map_err(|_| {
            metrics::counter!("password_hashes_refused_total", "service" => crate::NAME).increment(1);
            UserError::Busy
        })?;
        let closed = |_| UserError::Hash("the service is stopping".to_owned());
        let working = Arc::clone(&self.0.working)
            .acquire_owned()
            .await
            .map_err(closed)?;
        Ok([working, admitted])
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, UserError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| UserError::Hash(e.to_string()))
}

fn make(scheme: Scheme, password: &[u8]) -> Result<String, UserError> {
    match scheme {
        Scheme::Argon2id {
            memory_kib,
            iterations,
            lanes,
        } => {
            let params = Params::new(memory_kib, iterations, lanes, None)
                .map_err(|e| UserError::Hash(e.to_string()))?;
            let hash = argon2id::make(params, password).map_err(|e| UserError::Hash(e.to_string()))?;
            Ok(hash.to_string())
        }
        Scheme::Bcrypt { .. } if password.len() > BCRYPT_MAX_BYTES => {
            Err(UserError::Hash("bcrypt would cut it".to_owned()))
        }
        // The crate counts the terminator as a byte of the password; the length is checked above.
        Scheme::Bcrypt { cost } => bcrypt::hash(password, cost).map_err(|e| UserError::Hash(e.to_string())),
    }
}

fn matches(password: &[u8], stored: &str) -> bool {
    if stored.starts_with("$argon2") {
        return PasswordHash::new(stored).is_ok_and(|hash| argon2id::matches(&hash, password));
    }
    match bcrypt::verify(password, stored) {
        Ok(right) => right && password.len() <= BCRYPT_MAX_BYTES,
        Err(_) => {
            tracing::warn!("a stored password hash is neither Argon2 nor bcrypt; its owner cannot sign in");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Scheme = Scheme::Argon2id {
        memory_kib: 64,
        iterations: 1,
        lanes: 1,
    };
    const BCRYPT: Scheme = Scheme::Bcrypt { cost: 4 };

    async fn hasher(scheme: Scheme) -> Hasher {
        let hashing = Hashing {
            scheme,
            parallelism: 1,
            queue: 1,
        };
        Hasher::start(hashing).await.unwrap()
    }

    fn typed(text: &str) -> Password {
        Password::typed(text).unwrap()
    }

    // AUT-4
    #[tokio::test]
    async fn both_kinds_of_hash_verify_whichever_is_made_now() {
        for scheme in [FAST, BCRYPT] {
            let hasher = hasher(scheme).await;
            for made_by in [FAST, BCRYPT] {
                let stored = make(made_by, b"correct horse").unwrap();
                let right = hasher
                    .verify(Some(typed("correct horse")), Some(stored.clone()))
                    .await
                    .unwrap();
                let wrong = hasher
                    .verify(Some(typed("wrong horse")), Some(stored.clone()))
                    .await
                    .unwrap();
                assert_eq!((right, wrong), (true, false));
                assert_eq!(hasher.is_outdated(&stored), scheme != made_by);
            }
        }
        let imported = "$2y$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui";
        assert!(
            !hasher(FAST)
                .await
                .verify(Some(typed("x")), Some(imported.to_owned()))
                .await
                .unwrap()
        );
        assert!(
            hasher(FAST)
                .await
                .is_outdated(&make(Hashing::default().scheme, b"x").unwrap())
        );
    }

    // AUT-4
    #[tokio::test]
    async fn bcrypt_takes_72_bytes_and_never_cuts() {
        let (fits, longer) = ("a".repeat(72), "a".repeat(73));
        let stored = make(BCRYPT, fits.as_bytes()).unwrap();
        assert!(matches(fits.as_bytes(), &stored));
        assert!(
            !matches(longer.as_bytes(), &stored),
            "a longer one is another password"
        );
        assert!(make(BCRYPT, longer.as_bytes()).is_err());
        assert!(!hasher(BCRYPT).await.can_hash(&typed(&longer)));
    }

    // AUT-4
    #[tokio::test]
    async fn what_exceeds_the_queue_is_busy_and_the_rest_is_served() {
        let hasher = hasher(FAST).await;
        let working = hasher.turn().await.unwrap();
        let mut waiting = std::pin::pin!(hasher.verify(Some(typed("whoever")), None));
        assert!(futures::poll!(&mut waiting).is_pending(), "one works, one waits");
        for _ in 0..48 {
            let more = hasher.verify(Some(typed("whoever")), None).await;
            assert!(matches!(more, Err(UserError::Busy)));
        }
        drop(working);
        assert!(!waiting.await.unwrap());
        assert!(
            hasher.verify(None, None).await.is_ok(),
            "and places are given back"
        );
    }
}
