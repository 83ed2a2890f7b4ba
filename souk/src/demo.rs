//! Demo accounts and catalogue: what somebody sees who starts the shop for the first time.

mod drawing;

use product_service::operator::{Catalogue, illustrate, load_catalogue};
use runtime::{Settings, Shared, StartError, with_causes};
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

/// Draws a picture for each product of the demo that has none. Beside the shop, which is open meanwhile; a shop that is
/// stopped goes on at its next start.
pub async fn illustrate_products(settings: Settings, database: String, shared: Shared) {
    match illustrated(settings, &database, &shared).await {
        Ok(0) => {}
        Ok(products) => tracing::info!(products, "the products of the demo have pictures now"),
        Err(error) => {
            let error = with_causes(error.as_ref());
            tracing::warn!(
                error,
                "the products of the demo have no pictures; the next start tries again"
            );
        }
    }
}

async fn illustrated(settings: Settings, database: &str, shared: &Shared) -> Result<u64, StartError> {
    let mut settings = settings.with("DATABASE_URL", database);
    let config = product_service::Config::read(&mut settings);
    settings.finish()?;
    let catalogue: Catalogue = serde_json::from_str(CATALOGUE)?;
    let slugs: Vec<String> = catalogue
        .products
        .into_iter()
        .map(|product| product.slug)
        .collect();
    let pool = pg::connect(&pg::PgSettings {
        max_connections: 2,
        ..pg::PgSettings::new(database, "souk-demo")
    })
    .await?;
    let clock = std::sync::Arc::clone(&shared.clock);
    let done = illustrate(&pool, config.images, clock, &slugs, drawing::draw, &shared.stop).await;
    pool.close().await;
    done
}
