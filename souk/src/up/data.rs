//! The folder that an embedded shop keeps everything in.

use std::path::{Path, PathBuf};

use pg::server::{PrivateServer, ServerError};
use runtime::StartError;

use crate::shop::Databases;

/// user-service's database, and the role that owns it.
pub const USER: &str = "user_service";
const PRODUCT: &str = "product_service";
/// order-service's database, and the role that owns it.
pub const ORDER: &str = "order_service";
/// payment-service's database, and the role that owns it.
pub const PAYMENT: &str = "payment_service";

/// Where PostgreSQL's cluster, log and socket are.
#[must_use]
pub fn postgres(dir: &Path) -> PathBuf {
    dir.join("postgres")
}

/// Where pictures are.
#[must_use]
pub fn images(dir: &Path) -> PathBuf {
    dir.join("images")
}

/// What the stand-in for Stripe remembers.
#[must_use]
pub fn stripe(dir: &Path) -> PathBuf {
    dir.join("stripe-sandbox.jsonl")
}

/// Names the payment provider of the shop that runs, or ran last.
#[must_use]
pub fn provider(dir: &Path) -> PathBuf {
    dir.join("payment-provider")
}

/// Where mails are put instead of being sent.
#[must_use]
pub fn mail(dir: &Path) -> PathBuf {
    dir.join("mail")
}

/// Makes what is missing of the four databases and their roles; no role reaches another's database.
///
/// # Errors
/// The server refuses.
pub async fn databases(server: &PrivateServer) -> Result<Databases, ServerError> {
    for name in [USER, PRODUCT, ORDER, PAYMENT] {
        server.ensure_database(name, name).await?;
    }
    let url = |name: &str| server.url(name, name);
    Ok(Databases {
        user: url(USER),
        product: url(PRODUCT),
        order: url(ORDER),
        payment: url(PAYMENT),
    })
}

/// The URL of a database of the shop that runs on `dir` now.
///
/// # Errors
/// None runs there.
pub fn running_url(dir: &Path, database: &str) -> Result<String, StartError> {
    pg::server::running_url(&postgres(dir), database, database)
        .ok_or_else(|| format!("no shop runs on {}; start it with `souk up` first", dir.display()).into())
}

/// The databases of the shop that runs on `dir` now.
///
/// # Errors
/// None runs there.
pub fn running_databases(dir: &Path) -> Result<Databases, StartError> {
    Ok(Databases {
        user: running_url(dir, USER)?,
        product: running_url(dir, PRODUCT)?,
        order: running_url(dir, ORDER)?,
        payment: running_url(dir, PAYMENT)?,
    })
}

/// Forgets everything in `dir`.
///
/// # Errors
/// Another shop runs there, or a file cannot be removed.
pub async fn erase(dir: &Path, pg_bin: Option<&Path>) -> Result<(), StartError> {
    pg::server::erase(&postgres(dir), pg_bin).await?;
    for path in [images(dir), stripe(dir), provider(dir), mail(dir)] {
        let gone = match path.is_dir() {
            true => std::fs::remove_dir_all(&path),
            false => std::fs::remove_file(&path),
        };
        match gone {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("cannot remove {}: {error}", path.display()).into());
            }
            _ => {}
        }
    }
    Ok(())
}
