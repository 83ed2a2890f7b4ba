//! JSON bodies of the users routes.

use std::fmt;

use serde::{Deserialize, Serialize};
use types::{Role, UserId};
use utoipa::ToSchema;

/// What makes an account.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Register {
    /// Where the account's owner can be reached; also the name to sign in with.
    pub email: String,
    /// 8 to 128 characters, any of Unicode.
    pub password: String,
    /// Given name.
    #[serde(default, alias = "first_name")]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(default, alias = "last_name")]
    pub last_name: Option<String>,
    /// `customer` (default) or `seller`.
    #[serde(default)]
    pub role: Option<String>,
}

/// The answer to registering.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Registered {
    /// A sentence.
    pub message: String,
    /// The account.
    pub user: User,
}

/// What signs somebody in.
#[derive(Clone, Deserialize, ToSchema)]
pub struct Login {
    /// The account's address.
    pub email: String,
    /// Its password.
    pub password: String,
}

/// What renews or ends a session.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldsRefreshToken {
    /// The newest refresh token of the session.
    #[serde(alias = "refresh_token")]
    pub refresh_token: String,
}

/// A session's tokens.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// Send it as `Authorization: Bearer …`.
    pub access_token: String,
    /// Opens the session once more; each use gives a new one.
    pub refresh_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// How long the access token lives, in seconds.
    pub expires_in: i64,
    /// The account.
    pub user: User,
}

/// An account, as its owner and admins see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its address, in the one form that is stored.
    pub email: String,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// Telephone number.
    pub phone: Option<String>,
    /// What it may do.
    pub role: Role,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
}

/// Changes to a profile. What is left out stays as it is; an empty text removes a value.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateProfile {
    /// Given name.
    #[serde(default, alias = "first_name")]
    pub first_name: Option<String>,
    /// Family name.
    #[serde(default, alias = "last_name")]
    pub last_name: Option<String>,
    /// Telephone number.
    #[serde(default)]
    pub phone: Option<String>,
}

/// A new password.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangePassword {
    /// The password until now.
    #[serde(alias = "current_password")]
    pub current_password: String,
    /// The password from now on.
    #[serde(alias = "new_password")]
    pub new_password: String,
}

/// A new role.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct ChangeRole {
    /// `customer`, `seller` or `admin`.
    pub role: String,
}

/// Bodies that hold a password or a token show nothing of it.
macro_rules! opaque {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

opaque!(Register, Login, HoldsRefreshToken, Tokens, ChangePassword);
