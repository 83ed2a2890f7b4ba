//! Demo accounts and catalogue: what somebody sees who starts the shop for the first time.

use product_service::operator::{Catalogue, load_catalogue};
use runtime::StartError;
use sqlx::PgPool;
use types::{Clock, Currency, Role};
use user_service::operator::ensure_account;

use crate::term::Progress;

/// The password of every demo account. Production refuses to start where these accounts exist.
pub const PASSWORD: &str = "souk-demo-2026";

/// Address, first and last name, role.
pub const ACCOUNTS: [(&str, &str, &str, Role); 3] = [
    ("customer@demo.souk", "Carla", "Customer", Role::Customer),
    ("seller@demo.souk", "Samir", "Seller", Role::Seller),
    ("admin@demo.souk", "Ada", "Admin", Role::Admin),
];

const CATALOGUE: &str = include_str!("../demo/catalogue.json");

/// Makes what is missing of the demo accounts and the demo catalogue; what is there is left as it is.
///
/// # Errors
/// A database does not answer.
pub async fn load(
    users: &PgPool,
    products: &PgPool,
    clock: &dyn Clock,
    currency: Currency,
    progress: &Progress,
) -> Result<(), StartError> {
    let accounts = ACCOUNTS
        .iter()
        .map(|(email, first, last, role)| ensure_account(users, clock, email, PASSWORD, first, last, *role));
    let ids = futures::future::try_join_all(accounts).await?;
    let [_, seller, _] = ids.as_slice() else {
        return Err("a demo account is missing".into());
    };
    let catalogue: Catalogue = serde_json::from_str(CATALOGUE)?;
    let tell = |done: usize, all: usize| progress.say(&format!("demo catalogue: {done} of {all} products"));
    load_catalogue(products, clock, currency, *seller, &catalogue, tell).await?;
    Ok(())
}
