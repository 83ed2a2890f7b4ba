//! The orders' database, for operators who look after sagas and jobs.

use std::path::PathBuf;

use pg::PgSettings;
use runtime::{Settings, StartError};
use sqlx::PgPool;

use crate::up::data;

/// Connects to the database of the embedded shop in `dir`, which must be running, or to the one that `ORDER_DATABASE_URL`
/// names; one connection, known to the server as `name`.
///
/// # Errors
/// None is named, or it does not answer.
pub async fn connect(dir: Option<PathBuf>, name: &'static str) -> Result<PgPool, StartError> {
    let url = match dir {
        Some(dir) => data::running_url(&dir, data::ORDER)?,
        None => {
            let mut settings = Settings::from_env();
            let url = settings.required(
                "ORDER_DATABASE_URL",
                "name order-service's Postgres database, or give --data",
            );
            settings.finish()?;
            url
        }
    };
    let settings = PgSettings {
        max_connections: 1,
        ..PgSettings::new(url, name)
    };
    let pool = pg::connect(&settings).await;
    pool.map_err(|error| format!("order-service's database cannot be reached: {error}").into())
}
