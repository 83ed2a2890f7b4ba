//! What the service says no to: everything that a client can mend.

use types::UserId;

/// A clear no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Registering gives `customer` and `seller`.
    #[error("the role {0} is not given at registration")]
    RoleNotAllowed(String),
    /// Sellers cannot sign up by themselves in this shop.
    #[error("sellers do not sign up by themselves here; ask the shop for an account")]
    SellersByInvitation,
    /// There is an account with that address.
    #[error("there is an account with that address")]
    EmailTaken,
    /// Wrong password or unknown address: which of them is not told.
    #[error("the address or the password is wrong")]
    InvalidCredentials,
    /// Unknown, used, expired or revoked.
    #[error("sign in again")]
    InvalidRefreshToken,
    /// No such account.
    #[error("there is no user {0}")]
    UserNotFound(UserId),
}
