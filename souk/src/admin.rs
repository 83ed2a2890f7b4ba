//! Making an admin: the one way to the first one.

use std::io::BufRead as _;
use std::process::ExitCode;

use pg::PgSettings;
use runtime::{Settings, StartError, telemetry};
use types::SystemClock;

use crate::cli::AdminArgs;
use crate::term;
use crate::up::data;

/// `souk admin`.
pub async fn run(args: AdminArgs) -> ExitCode {
    telemetry::init_logs("warn");
    match make(args).await {
        Ok(said) => {
            term::line(said);
            ExitCode::SUCCESS
        }
        Err(error) => {
            term::line(format!(
                "no admin was made: {}",
                runtime::with_causes(error.as_ref())
            ));
            ExitCode::FAILURE
        }
    }
}

async fn make(args: AdminArgs) -> Result<String, StartError> {
    let url = match &args.data {
        Some(dir) => data::running_url(dir, data::USER)?,
        None => {
            let mut settings = Settings::from_env();
            let url = settings.required(
                "USER_DATABASE_URL",
                "name user-service's Postgres database, or give --data",
            );
            settings.finish()?;
            url
        }
    };
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']);
    let pool = pg::connect(&PgSettings {
        max_connections: 1,
        ..PgSettings::new(url, "souk-admin")
    })
    .await?;
    let id = user_service::operator::create_admin(&pool, &SystemClock, &args.email, password).await?;
    Ok(format!("{} is an admin now (account {id})", args.email))
}
