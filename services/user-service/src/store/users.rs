//! The table `users`.

use sqlx::PgConnection;
use time::OffsetDateTime;
use types::{Email, Role, UserId};

use crate::domain::{Account, Profile, Refusal};
use crate::error::UserError;

/// The index that keeps addresses unique.
const EMAIL_KEY: &str = "users_email_key";

/// What a new account starts with.
#[derive(Debug)]
pub struct NewAccount<'a> {
    /// Its address.
    pub email: &'a Email,
    /// Its password's hash.
    pub password_hash: &'a str,
    /// Names.
    pub profile: &'a Profile,
    /// What it may do.
    pub role: Role,
}

struct Row {
    id: i64,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    phone: Option<String>,
    role: String,
    version: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

impl TryFrom<Row> for Account {
    type Error = UserError;

    fn try_from(row: Row) -> Result<Self, UserError> {
        Ok(Self {
            id: UserId::new(row.id).map_err(|_| UserError::Corrupt("id"))?,
            email: row.email,
            profile: Profile {
                first_name: row.first_name,
                last_name: row.last_name,
                phone: row.phone,
            },
            role: row.role.parse().map_err(|_| UserError::Corrupt("role"))?,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// Makes an account; [`Refusal::EmailTaken`] where the address has one.
#[tracing::instrument(name = "db.users.insert", skip_all)]
pub async fn insert(
    conn: &mut PgConnection,
    new: NewAccount<'_>,
    now: OffsetDateTime,
) -> Result<Account, UserError> {
    sqlx::query_as!(
        Row,
        r#"
        insert into users (email, password_hash, first_name, last_name, phone, role, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $7)
        returning id, email, first_name, last_name, phone, role, version, created_at, updated_at
        "#,
        new.email.as_str(),
        new.password_hash,
        new.profile.first_name.as_deref(),
        new.profile.last_name.as_deref(),
        new.profile.phone.as_deref(),
        new.role.name(),
        now,
    )
    .fetch_one(conn)
    .await
    .map_err(|source| match pg::constraint_of(&source) {
        Some(EMAIL_KEY) => Refusal::EmailTaken.into(),
        _ => UserError::Store {
            doing: "make an account",
            source,
        },
    })?
    .try_into()
}

/// The account at an address, and the hash of its password.
#[tracing::instrument(name = "db.users.by_email", skip_all)]
pub async fn by_email(conn: &mut PgConnection, email: &Email) -> Result<Option<(UserId, String)>, UserError> {
    let row = sqlx::query!(
        r#"select id, password_hash from users where lower(email) = lower($1)"#,
        email.as_str()
    )
    .fetch_optional(conn)
    .await
    .map_err(UserError::store("look an address up"))?;
    row.map(|row| {
        let id = UserId::new(row.id).map_err(|_| UserError::Corrupt("id"))?;
        Ok((id, row.password_hash))
    })
    .transpose()
}

/// The account.
#[tracing::instrument(name = "db.users.by_id", skip_all, fields(user.id = %id))]
pub async fn by_id(conn: &mut PgConnection, id: UserId) -> Result<Account, UserError> {
    sqlx::query_as!(
        Row,
        r#"
        select id, email, first_name, last_name, phone, role, version, created_at, updated_at
          from users
         where id = $1
        "#,
        id.get()
    )
    .fetch_optional(conn)
    .await
    .map_err(UserError::store("read an account"))?
    .ok_or(Refusal::UserNotFound(id))?
    .try_into()
}

/// The account, locked until the transaction ends.
#[tracing::instrument(name = "db.users.lock", skip_all, fields(user.id = %id))]
pub async fn lock(conn: &mut PgConnection, id: UserId) -> Result<Account, UserError> {
    sqlx::query_as!(
        Row,
        r#"
        select id, email, first_name, last_name, phone, role, version, created_at, updated_at
          from users
         where id = $1
           for update
        "#,
        id.get()
    )
    .fetch_optional(conn)
    .await
    .map_err(UserError::store("lock an account"))?
    .ok_or(Refusal::UserNotFound(id))?
    .try_into()
}

/// The account if its password is still the one that was verified; a change of password waits for this
/// transaction, or this one sees it.
#[tracing::instrument(name = "db.users.hold_password", skip_all, fields(user.id = %id))]
pub async fn hold_password(
    conn: &mut PgConnection,
    id: UserId,
    verified_hash: &str,
) -> Result<Option<Account>, UserError> {
    sqlx::query_as!(
        Row,
        r#"
        select id, email, first_name, last_name, phone, role, version, created_at, updated_at
          from users
         where id = $1 and password_hash = $2
           for share
        "#,
        id.get(),
        verified_hash
    )
    .fetch_optional(conn)
    .await
    .map_err(UserError::store("hold an account's password"))?
    .map(Account::try_from)
    .transpose()
}

/// The hash of the account's password.
#[tracing::instrument(name = "db.users.password_hash", skip_all, fields(user.id = %id))]
pub async fn password_hash(conn: &mut PgConnection, id: UserId) -> Result<String, UserError> {
    sqlx::query_scalar!(r#"select password_hash from users where id = $1"#, id.get())
        .fetch_optional(conn)
        .await
        .map_err(UserError::store("read a password's hash"))?
        .ok_or_else(|| Refusal::UserNotFound(id).into())
}

/// Replaces the hash `old` by `new`; whether it was still `old`. Nothing that a client can see changes.
#[tracing::instrument(name = "db.users.replace_hash", skip_all, fields(user.id = %id))]
pub async fn replace_hash(
    conn: &mut PgConnection,
    id: UserId,
    old: &str,
    new: &str,
) -> Result<bool, UserError> {
    let written = sqlx::query!(
        r#"update users set password_hash = $3 where id = $1 and password_hash = $2"#,
        id.get(),
        old,
        new
    )
    .execute(conn)
    .await
    .map_err(UserError::store("replace a password's hash"))?;
    Ok(written.rows_affected() == 1)
}

/// Writes what the owner may change of a locked account.
#[tracing::instrument(name = "db.users.save_profile", skip_all, fields(user.id = %id))]
pub async fn save_profile(
    conn: &mut PgConnection,
    id: UserId,
    profile: &Profile,
    now: OffsetDateTime,
) -> Result<Account, UserError> {
    sqlx::query_as!(
        Row,
        r#"
        update users
           set first_name = $2, last_name = $3, phone = $4, version = version + 1, updated_at = $5
         where id = $1
        returning id, email, first_name, last_name, phone, role, version, created_at, updated_at
        "#,
        id.get(),
        profile.first_name.as_deref(),
        profile.last_name.as_deref(),
        profile.phone.as_deref(),
        now,
    )
    .fetch_one(conn)
    .await
    .map_err(UserError::store("save a profile"))?
    .try_into()
}

/// Gives a locked account another role.
#[tracing::instrument(name = "db.users.save_role", skip_all, fields(user.id = %id))]
pub async fn save_role(
    conn: &mut PgConnection,
    id: UserId,
    role: Role,
    now: OffsetDateTime,
) -> Result<Account, UserError> {
    sqlx::query_as!(
        Row,
        r#"
        update users set role = $2, version = version + 1, updated_at = $3
         where id = $1
        returning id, email, first_name, last_name, phone, role, version, created_at, updated_at
        "#,
        id.get(),
        role.name(),
        now,
    )
    .fetch_one(conn)
    .await
    .map_err(UserError::store("save a role"))?
    .try_into()
}

/// Whether an account has an address that ends in `@domain`.
#[tracing::instrument(name = "db.users.any_at", skip_all)]
pub async fn any_at(conn: &mut PgConnection, domain: &str) -> Result<bool, UserError> {
    sqlx::query_scalar!(
        r#"select exists (select 1 from users where lower(email) like '%@' || $1) as "any!""#,
        domain
    )
    .fetch_one(conn)
    .await
    .map_err(UserError::store("look for demo accounts"))
}
