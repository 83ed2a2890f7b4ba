//! What every handler may use.

use std::sync::Arc;

use axum::extract::FromRef;
use runtime::Clock;
use souk_http::{FetchKeys, KeysError, SessionCheck, SessionCopy, Verifier};
use sqlx::PgPool;
use uuid::Uuid;

use crate::domain::{Lifetimes, PasswordRules};
use crate::hasher::Hasher;
use crate::keyring::Keyring;
use crate::refresh_token::RefreshKey;
use crate::store;

/// What every handler may use. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The service's database.
    pub db: PgPool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// Signs access tokens.
    pub keyring: Keyring,
    /// Derives refresh tokens.
    pub refresh_key: RefreshKey,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// What new passwords must be.
    pub password_rules: PasswordRules,
    /// Whether registering gives the role `seller`.
    pub open_seller_signup: bool,
    /// Verifies access tokens, by the service's own table.
    pub verifier: Verifier,
    /// Says whether a session stands.
    pub sessions: SessionCheck,
    /// What other services look at before they ask.
    pub copy: Option<SessionCopy>,
}

impl AppState {
    /// Tells the other services that `sessions` have ended. After the commit that ended them.
    pub async fn tell_ended(&self, sessions: &[Uuid]) {
        let Some(copy) = &self.copy else { return };
        let sessions: Vec<String> = sessions.iter().map(Uuid::to_string).collect();
        copy.ended(&sessions, self.lifetimes.access.unsigned_abs()).await;
    }
}

impl FromRef<AppState> for Verifier {
    fn from_ref(app: &AppState) -> Self {
        app.verifier.clone()
    }
}

impl FromRef<AppState> for SessionCheck {
    fn from_ref(app: &AppState) -> Self {
        Self::clone(&app.sessions)
    }
}

/// Reads the published keys from the service's own table.
pub fn own_keys(db: PgPool) -> FetchKeys {
    Arc::new(move || {
        let db = db.clone();
        Box::pin(async move {
            let mut conn = db.acquire().await.map_err(|e| KeysError(e.to_string()))?;
            store::keys::published(&mut conn)
                .await
                .map_err(|e| KeysError(e.to_string()))
        })
    })
}

/// Looks sessions up in the service's own table.
pub fn own_sessions(db: PgPool, clock: Arc<dyn Clock>) -> SessionCheck {
    Arc::new(move |session| {
        let (db, now) = (db.clone(), clock.now());
        Box::pin(async move {
            let Ok(session) = session.parse() else {
                return Ok(false);
            };
            let mut conn = db.acquire().await.map_err(|e| e.to_string())?;
            store::sessions::stands(&mut conn, session, now)
                .await
                .map_err(|e| e.to_string())
        })
    })
}
