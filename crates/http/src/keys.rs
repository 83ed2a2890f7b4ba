//! The keys by which a user's token is verified: published by user-service, kept here when it is down.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use types::{Clock, Role, UserId};

/// Who issues users' tokens, and for whom.
pub(crate) const ISSUER: &str = "souk";
pub(crate) const AUDIENCE: &str = "souk-api";
/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 60;
/// How often an unknown key id may make us ask again.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// How long keys are trusted before they are read again.
const REFRESH: Duration = Duration::from_secs(300);

/// A published key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its id.
    pub kid: String,
    /// Raw Ed25519, 32 bytes.
    pub ed25519: Vec<u8>,
}

/// The keys could not be read now.
#[derive(Debug, thiserror::Error)]
#[error("the keys that verify tokens cannot be read: {0}")]
pub struct KeysError(pub String);

/// Reads the published keys: from user-service, its own table, or a file.
pub type FetchKeys = Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<PublicKey>, KeysError>> + Send + Sync>;

/// What an access token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    /// Always `souk`.
    pub iss: String,
    /// Always `souk-api`.
    pub aud: String,
    /// The user's id.
    pub sub: String,
    /// The user's role when it was issued.
    pub role: Role,
    /// The session it belongs to.
    pub sid: String,
    /// The token's own id.
    pub jti: String,
    /// When it was issued, seconds since the epoch.
    pub iat: i64,
    /// When it ends.
    pub exp: i64,
}

impl Claims {
    /// Claims for a token of `life` seconds.
    #[must_use]
    pub fn new(
        user: UserId,
        role: Role,
        session: &str,
        token_id: String,
        now: OffsetDateTime,
        life: i64,
    ) -> Self {
        let iat = now.unix_timestamp();
        Self {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user.to_string(),
            role,
            sid: session.to_owned(),
            jti: token_id,
            iat,
            exp: iat + life,
        }
    }
}

/// Verifies users' tokens. Cheap to clone; all clones share their keys.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    keys: RwLock<HashMap<String, DecodingKey>>,
    fetched: Mutex<Option<OffsetDateTime>>,
    fetch: FetchKeys,
    clock: Arc<dyn Clock>,
}

/// Why a token does not open anything.
#[derive(Debug)]
pub(crate) enum Unverified {
    /// It is not valid.
    Token(&'static str),
    /// There are no keys to tell.
    Keys(KeysError),
}

impl Verifier {
    /// Verifies with the keys that `fetch` gives; asks for them when first needed.
    #[must_use]
    pub fn new(fetch: FetchKeys, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            keys: RwLock::default(),
            fetched: Mutex::new(None),
            fetch,
            clock,
        }))
    }

    /// What the token says, if one of our keys signed it and it is in force now (AUT-5).
    pub(crate) async fn verify(&self, token: &str) -> Result<Claims, Unverified> {
        let header =
            jsonwebtoken::decode_header(token).map_err(|_| Unverified::Token("it is not a token"))?;
        if header.alg != Algorithm::EdDSA {
            return Err(Unverified::Token("it is not signed the way ours are"));
        }
        let kid = header.kid.ok_or(Unverified::Token("it names no key"))?;
        let key = match self.known(&kid) {
            Some(key) => {
                self.refresh_if_old().await;
                key
            }
            None => {
                self.refresh(ASK_AGAIN).await.map_err(Unverified::Keys)?;
                self.known(&kid)
                    .ok_or(Unverified::Token("its key is not known"))?
            }
        };
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.validate_exp = false; // below, by the clock that was passed in
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|_| Unverified::Token("its signature or its claims are not ours"))?
            .claims;
        let now = self.0.clock.now().unix_timestamp();
        if claims.exp <= now {
            return Err(Unverified::Token("it has expired; refresh it"));
        }
        if claims.iat > now + LEEWAY {
            return Err(Unverified::Token("it is from the future"));
        }
        Ok(claims)
    }

    fn known(&self, kid: &str) -> Option<DecodingKey> {
        self.0
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(kid)
            .cloned()
    }

    /// Keys that are old are read again; when that fails the old ones stay.
    async fn refresh_if_old(&self) {
        let due = match self.0.fetched.try_lock() {
            Ok(fetched) => fetched.is_none_or(|at| self.0.clock.now() - at > REFRESH),
            Err(_) => false,
        };
        if due && let Err(error) = self.refresh(REFRESH).await {
            tracing::warn!(%error, "going on with the keys that are at hand");
        }
    }

    /// Reads the keys, unless that was done within `unless_within`.
    async fn refresh(&self, unless_within: Duration) -> Result<(), KeysError> {
        let mut fetched = self.0.fetched.lock().await;
        let now = self.0.clock.now();
        if fetched.is_some_and(|at| now - at < unless_within) {
            return Ok(());
        }
        let keys = (self.0.fetch)().await?;
        let keys = keys
            .into_iter()
            .map(|k| (k.kid, DecodingKey::from_ed_der(&k.ed25519)))
            .collect();
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        *fetched = Some(now);
        Ok(())
    }
}
