//! Tokens for a session: what signing in and refreshing answer with.

use time::OffsetDateTime;
use types::UserId;
use uuid::Uuid;
use wire::users::Tokens;

use crate::domain::Account;
use crate::error::UserError;
use crate::keyring::Signer;
use crate::refresh_token::RefreshToken;
use crate::state::AppState;

/// A session that gets tokens.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// Its id.
    pub id: Uuid,
    /// When it ends for good: no access token outlives that.
    pub absolute_expires_at: OffsetDateTime,
}

/// An access token signed by `signer`, beside `refresh`.
pub fn issue(
    app: &AppState,
    signer: &Signer,
    session: Session,
    account: Account,
    refresh: RefreshToken,
    now: OffsetDateTime,
) -> Result<Tokens, UserError> {
    let life = app
        .lifetimes
        .access
        .min(session.absolute_expires_at - now)
        .whole_seconds();
    let id: UserId = account.id;
    let token_id = Uuid::now_v7().to_string();
    let claims = souk_http::Claims::new(id, account.role, &session.id.to_string(), token_id, now, life);
    Ok(Tokens {
        access_token: signer.sign(&claims)?,
        refresh_token: refresh.into_text(),
        token_type: "Bearer".to_owned(),
        expires_in: life,
        user: account.into(),
    })
}
