//! Who somebody is to the shop.

use serde::{Deserialize, Serialize};

use crate::UserId;

/// What an account may do: a customer buys, a seller sells too, an admin acts on everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Buys.
    Customer,
    /// Sells own products, and buys.
    Seller,
    /// Acts on everything.
    Admin,
}

/// A word that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of customer, seller, admin")]
pub struct BadRole;

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Customer, Self::Seller, Self::Admin];

    /// The word for it, on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Seller => "seller",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = BadRole;
    fn from_str(word: &str) -> Result<Self, BadRole> {
        Self::ALL.into_iter().find(|r| r.name() == word).ok_or(BadRole)
    }
}

/// Who did something, as histories and ledgers keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// The shop itself: a saga, a job, a payment fact.
    System,
    /// A signed-in user in a role.
    User(UserId, Role),
}

impl Actor {
    /// `system`, `customer`, `seller` or `admin`.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User(_, role) => role.name(),
        }
    }

    /// The user, where there is one.
    #[must_use]
    pub const fn user(self) -> Option<UserId> {
        match self {
            Self::System => None,
            Self::User(id, _) => Some(id),
        }
    }
}
