//! Bringing the four databases up to date.

use std::process::ExitCode;

use pg::PgSettings;
use pg::server::{PrivateServer, ServerOptions};
use runtime::{Settings, StartError, telemetry, with_causes};

use crate::cli::MigrateArgs;
use crate::shop::Databases;
use crate::term;
use crate::up::data;

/// `souk migrate`.
pub async fn run(args: MigrateArgs) -> ExitCode {
    telemetry::init_logs("warn");
    match migrate(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            term::line(format!("could not migrate: {}", with_causes(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}

async fn migrate(args: MigrateArgs) -> Result<(), StartError> {
    let Some(dir) = args.data else {
        let mut settings = Settings::from_env();
        let databases = Databases::named_in(&mut settings);
        settings.finish()?;
        return all(&databases).await;
    };
    let server = PrivateServer::start(ServerOptions::new(data::postgres(&dir))).await?;
    let outcome = match data::databases(&server).await {
        Ok(databases) => all(&databases).await,
        Err(error) => Err(error.into()),
    };
    server.stop().await?;
    outcome
}

/// Migrates all four at once; the error names whose database it is about.
///
/// # Errors
/// See [`pg::MigrateError`]; what was applied before stays.
pub async fn all(databases: &Databases) -> Result<(), StartError> {
    let pool = async |name: &'static str, url: &str| {
        let settings = PgSettings {
            max_connections: 1,
            ..PgSettings::new(url, "souk-migrate")
        };
        let pool = pg::connect(&settings).await;
        pool.map_err(|e| {
            StartError::from(format!(
                "{name}'s database cannot be reached: {}",
                with_causes(&e)
            ))
        })
    };
    let failed = |name: &'static str| {
        move |e: pg::MigrateError| StartError::from(format!("{name}: {}", with_causes(&e)))
    };
    futures::try_join!(
        async {
            let pool = pool("user-service", &databases.user).await?;
            user_service::migrate(&pool).await.map_err(failed("user-service"))
        },
        async {
            let pool = pool("product-service", &databases.product).await?;
            product_service::migrate(&pool)
                .await
                .map_err(failed("product-service"))
        },
        async {
            let pool = pool("order-service", &databases.order).await?;
            order_service::migrate(&pool)
                .await
                .map_err(failed("order-service"))
        },
        async {
            let pool = pool("payment-service", &databases.payment).await?;
            payment_service::migrate(&pool)
                .await
                .map_err(failed("payment-service"))
        },
    )?;
    Ok(())
}

impl Databases {
    /// The databases that the settings name.
    pub fn named_in(settings: &mut Settings) -> Self {
        let mut url = |service: &str| {
            settings.required(
                &format!("{}_DATABASE_URL", service.to_ascii_uppercase()),
                &format!("name {service}-service's Postgres database"),
            )
        };
        Self {
            user: url("user"),
            product: url("product"),
            order: url("order"),
            payment: url("payment"),
        }
    }
}
