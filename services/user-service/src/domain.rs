//! Values and rules of accounts and sessions. Pure: no database, no network, no clock.

mod account;
mod keys;
mod password;
mod refusal;
mod session;

pub use account::{Account, BadField, Profile, name, phone};
pub use keys::{KeyTimes, NextKey};
pub use password::{BadPassword, Password, PasswordRules};
pub use refusal::Refusal;
pub use session::{Lifetimes, Presented, RevokedWhy, Use};
