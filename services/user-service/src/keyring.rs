//! The keys that sign access tokens: made, rotated and forgotten in the database, kept unsealed here.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use runtime::Clock;
use souk_http::Claims;
use sqlx::PgPool;
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use crate::domain::{KeyTimes, NextKey};
use crate::error::UserError;
use crate::sealer::Sealer;
use crate::store::keys::{self, StoredKey};

/// How long keys are kept here before they are read again. Far less than a new key waits before it signs.
const READ_AGAIN: Duration = Duration::minutes(1);

/// Signs access tokens. Cheap to clone; all clones share their keys.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    db: PgPool,
    sealer: Sealer,
    times: KeyTimes,
    clock: Arc<dyn Clock>,
    cached: Mutex<Option<Cached>>,
}

struct Cached {
    read_at: OffsetDateTime,
    /// The oldest first.
    signers: Vec<Signer>,
}

/// A key that signs.
#[derive(Clone)]
pub struct Signer {
    kid: String,
    signs_from: OffsetDateTime,
    key: EncodingKey,
}

impl Keyring {
    /// Keys in `db`, sealed by `sealer`.
    #[must_use]
    pub fn new(db: PgPool, sealer: Sealer, times: KeyTimes, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            db,
            sealer,
            times,
            clock,
            cached: Mutex::new(None),
        }))
    }

    /// The key that signs now. Makes the first one if there is none.
    pub async fn signer(&self) -> Result<Signer, UserError> {
        let now = self.0.clock.now();
        let mut cached = self.0.cached.lock().await;
        let current = match cached.as_ref() {
            Some(keys) if now - keys.read_at < READ_AGAIN => None,
            _ => Some(Cached {
                read_at: now,
                signers: self.read(now).await?,
            }),
        };
        if let Some(current) = current {
            *cached = Some(current);
        }
        let signers = cached
            .as_ref()
            .map(|keys| keys.signers.as_slice())
            .unwrap_or_default();
        // The oldest stands in where another machine's clock, ahead of ours, made the first one.
        let signer = signers
            .iter()
            .rev()
            .find(|s| s.signs_from <= now)
            .or(signers.first());
        signer.cloned().ok_or_else(|| missing(""))
    }

    /// Makes the next key when it is due and forgets the dead ones.
    pub async fn rotate(&self) -> Result<(), UserError> {
        let now = self.0.clock.now();
        let mut tx = pg::begin(&self.0.db).await.map_err(UserError::store("begin"))?;
        keys::lock(&mut tx).await?;
        let newest = keys::all(&mut tx).await?.last().map(|key| key.signs_from);
        if let NextKey::Make(signs_from) = self.0.times.next(newest, now) {
            let key = self.make(signs_from)?;
            keys::insert(&mut tx, &key, now).await?;
            tracing::info!(key.id = key.kid, signs_from = %signs_from, "made a signing key");
        }
        let dead = keys::prune(&mut tx, self.0.times.dead_before(now)).await?;
        tx.commit().await.map_err(UserError::store("commit"))?;
        if dead > 0 {
            tracing::info!(dead, "forgot signing keys whose tokens are all dead");
        }
        Ok(())
    }

    /// The key that signs at `now` and those after it, unsealed.
    async fn read(&self, now: OffsetDateTime) -> Result<Vec<Signer>, UserError> {
        let mut stored = self.stored().await?;
        if stored.is_empty() {
            self.rotate().await?;
            stored = self.stored().await?;
        }
        let first = stored.iter().rposition(|key| key.signs_from <= now).unwrap_or(0);
        stored.into_iter().skip(first).map(|key| self.open(key)).collect()
    }

    async fn stored(&self) -> Result<Vec<StoredKey>, UserError> {
        let mut conn = self
            .0
            .db
            .acquire()
            .await
            .map_err(UserError::store("read the signing keys"))?;
        keys::all(&mut conn).await
    }

    fn open(&self, key: StoredKey) -> Result<Signer, UserError> {
        match self.0.sealer.open(&key.kid, &key.sealed_private_key) {
            Some(pkcs8) => Ok(Signer {
                kid: key.kid,
                signs_from: key.signs_from,
                key: EncodingKey::from_ed_der(&pkcs8),
            }),
            None => Err(UserError::Key {
                kid: key.kid,
                why: "was sealed under another KEY_ENCRYPTION_SECRET; add the old one after a comma, or delete \
                      the row from signing_keys (access tokens die, refresh tokens live)",
            }),
        }
    }

    fn make(&self, signs_from: OffsetDateTime) -> Result<StoredKey, UserError> {
        let kid = uuid::Uuid::now_v7().to_string();
        let failed = |why| UserError::Key {
            kid: kid.clone(),
            why,
        };
        let pkcs8 =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| failed("was not made"))?;
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(|_| failed("cannot be read"))?;
        let sealed = self
            .0
            .sealer
            .seal(&kid, pkcs8.as_ref())
            .ok_or_else(|| failed("was not sealed"))?;
        Ok(StoredKey {
            public_key: pair.public_key().as_ref().to_vec(),
            sealed_private_key: sealed,
            signs_from,
            kid,
        })
    }
}

impl Signer {
    /// A token that says `claims`.
    pub fn sign(&self, claims: &Claims) -> Result<String, UserError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key).map_err(|_| UserError::Key {
            kid: self.kid.clone(),
            why: "cannot sign",
        })
    }
}

fn missing(kid: &str) -> UserError {
    UserError::Key {
        kid: kid.to_owned(),
        why: "is missing",
    }
}
