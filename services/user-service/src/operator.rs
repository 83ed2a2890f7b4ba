//! What an operator does to accounts from the command line.

use std::sync::Arc;

use pg::audit::Tally;
use runtime::Clock;
use sqlx::PgPool;
use time::OffsetDateTime;
use types::{BadEmail, Email, Role, UserId};

use crate::domain::{BadField, BadPassword, Password, PasswordRules, Profile, RevokedWhy, name};
use crate::error::UserError;
use crate::hasher::{Hasher, Hashing};
use crate::store::users::NewAccount;
use crate::store::{audit as books, sessions, users};
use crate::{Config, jobs};

/// The shortest password that an operator may give.
const MIN_PASSWORD: usize = 8;

/// Why an account was not made. A sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The address is none.
    #[error(transparent)]
    Email(#[from] BadEmail),
    /// The password may not be one.
    #[error("the password {0}")]
    Password(#[from] BadPassword),
    /// A name may not be one.
    #[error("a name {0}")]
    Name(#[from] BadField),
    /// The database or the hash function failed.
    #[error(transparent)]
    Failed(#[from] UserError),
}

/// The account at `email`; makes it where there is none, and leaves one that exists as it is.
///
/// # Errors
/// A value is not valid, or the database does not answer.
pub async fn ensure_account(
    pool: &PgPool,
    clock: &dyn Clock,
    email: &str,
    password: &str,
    first_name: &str,
    last_name: &str,
    role: Role,
) -> Result<UserId, OperatorError> {
    let email = Email::parse(email)?;
    let password = new_password(password, &email)?;
    let profile = Profile {
        first_name: name(first_name)?,
        last_name: name(last_name)?,
        phone: None,
    };
    let mut conn = pool
        .acquire()
        .await
        .map_err(UserError::store("reach the database"))?;
    if let Some((id, _)) = users::by_email(&mut conn, &email).await? {
        return Ok(id);
    }
    let password_hash = hash(password).await?;
    let new = NewAccount {
        email: &email,
        password_hash: &password_hash,
        profile: &profile,
        role,
    };
    match users::insert(&mut conn, new, clock.now()).await {
        Ok(account) => Ok(account.id),
        // Somebody made it meanwhile.
        Err(error) => match users::by_email(&mut conn, &email).await? {
            Some((id, _)) => Ok(id),
            None => Err(error.into()),
        },
    }
}

/// Makes an admin with that address and password. An account that exists becomes one: it gets the password, and
/// whoever was signed in with the old one is signed out.
///
/// # Errors
/// A value is not valid, or the database does not answer.
pub async fn create_admin(
    pool: &PgPool,
    clock: &dyn Clock,
    email: &str,
    password: &str,
) -> Result<UserId, OperatorError> {
    let email = Email::parse(email)?;
    let password = new_password(password, &email)?;
    let (hash, now) = (hash(password).await?, clock.now());
    let mut tx = pg::begin(pool).await.map_err(UserError::store("begin"))?;
    let id = match users::by_email(&mut tx, &email).await? {
        Some((id, old)) => {
            users::lock(&mut tx, id).await?;
            users::replace_hash(&mut tx, id, &old, &hash).await?;
            users::save_role(&mut tx, id, Role::Admin, now).await?;
            sessions::revoke_all(&mut tx, id, None, RevokedWhy::Operator, now).await?;
            id
        }
        None => {
            let new = NewAccount {
                email: &email,
                password_hash: &hash,
                profile: &Profile::default(),
                role: Role::Admin,
            };
            users::insert(&mut tx, new, now).await?.id
        }
    };
    tx.commit().await.map_err(UserError::store("commit"))?;
    Ok(id)
}

/// Does at once what the service's worker looks after each minute: keys that are due, sessions that have ended.
///
/// # Errors
/// The database does not answer.
pub async fn keep_house(pool: &PgPool, clock: Arc<dyn Clock>, config: &Config) -> Result<(), OperatorError> {
    let keyring = crate::keyring(config, pool.clone(), Arc::clone(&clock));
    Ok(jobs::keep_house(pool, &keyring, clock.as_ref()).await?)
}

fn new_password(text: &str, email: &Email) -> Result<Password, BadPassword> {
    PasswordRules::new(MIN_PASSWORD, None, "").check(text, Some(email))
}

async fn hash(password: Password) -> Result<String, UserError> {
    Hasher::start(Hashing::default()).await?.hash(password).await
}

/// What the books say by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Standing sessions, and those that cannot go on with exactly one refresh token.
    pub sessions: Tally,
    /// Signing keys; broken if none of them signs.
    pub keys: Tally,
}

/// What the books say by themselves, at `now`.
///
/// # Errors
/// The database does not answer.
pub async fn audit(pool: &PgPool, now: OffsetDateTime) -> Result<Facts, UserError> {
    let mut conn = pool
        .acquire()
        .await
        .map_err(UserError::store("reach the database"))?;
    Ok(Facts {
        sessions: books::sessions(&mut conn).await?,
        keys: books::keys(&mut conn, now).await?,
    })
}
