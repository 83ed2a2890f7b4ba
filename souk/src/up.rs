//! The whole shop in one process: a private PostgreSQL, the five services, a stand-in for Stripe.

pub mod data;
mod ports;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use pg::PgSettings;
use pg::server::{PrivateServer, ServerOptions};
use runtime::{
    App, Bindings, Limits, Running, Served, Settings, Shared, StartError, shutdown_signal, telemetry,
    with_causes,
};
use tokio::sync::oneshot;
use types::{Currency, SystemClock};

use crate::cli::{Switch, UpArgs};
use crate::shop::{self, Databases, Shop};
use crate::term::{self, Progress};
use crate::{demo, migrate};
use ports::Ports;

/// `souk up`: runs until a signal.
pub async fn run(args: UpArgs) -> ExitCode {
    let mut settings = Settings::from_env();
    telemetry::init(&mut settings, "warn");
    match up(args, settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            term::line(format!(
                "\nThe shop did not start: {}",
                with_causes(error.as_ref())
            ));
            ExitCode::FAILURE
        }
    }
}

async fn up(args: UpArgs, mut settings: Settings) -> Result<(), StartError> {
    let progress = Progress::start();
    if settings.production() && !args.no_demo {
        return Err("SOUK_ENV is production: demo accounts are not made there; add --no-demo".into());
    }
    let pg_bin = settings.optional("PG_BIN").map(PathBuf::from);
    let ports = Ports::from_base(args.port);
    // At once: nobody waits for a database to learn of a mistake.
    let mut all = embedded(settings.clone(), &args, ports);
    drop(stripe_sandbox::Config::read(&mut all));
    shop::check(&all)?;
    let bindings = ports.bind(args.host).await?;
    if args.reset {
        progress.say("forgetting everything");
        data::erase(&args.data, pg_bin.as_deref()).await?;
    }
    progress.say("starting PostgreSQL");
    let server = PrivateServer::start(ServerOptions {
        bin_dir: pg_bin,
        progress: Box::new(move |what| progress.say(what)),
        ..ServerOptions::new(data::postgres(&args.data))
    })
    .await?;
    let postgres_dir = server.data_dir().to_owned();
    let databases = data::databases(&server).await?;

    let (stop_server, stopped) = oneshot::channel::<()>();
    let supervised = server.supervise(async move { drop(stopped.await) });
    tokio::pin!(supervised);
    let shared = Shared::new(Arc::new(SystemClock));
    let outcome = tokio::select! {
        ended = &mut supervised => return Err(ended.err().map_or("PostgreSQL has ended".into(), Into::into)),
        outcome = serve(&args, ports, bindings, settings, databases, &postgres_dir, &shared, progress) => outcome,
    };
    drop(stop_server);
    supervised.await?;
    if outcome.is_ok() {
        term::line("stopped; everything is kept");
    }
    outcome
}

/// From a running PostgreSQL to a shop that was told to stop.
#[expect(
    clippy::too_many_arguments,
    reason = "the one place where everything comes together"
)]
async fn serve(
    args: &UpArgs,
    ports: Ports,
    bindings: [Bindings; 6],
    settings: Settings,
    databases: Databases,
    postgres_dir: &Path,
    shared: &Shared,
    progress: Progress,
) -> Result<(), StartError> {
    progress.say("bringing four databases up to date");
    migrate::all(&databases).await?;
    let mut settings = embedded(settings, args, ports);
    if !args.no_demo {
        load_demo(&mut settings, &databases, shared, &progress).await?;
    }
    // `souk reconcile` asks the same provider.
    std::fs::write(data::provider(&args.data), settings.text("STRIPE_API_URL", ""))?;
    progress.say("starting five services");
    let sandbox = stripe_sandbox::Config::read(&mut settings);
    settings.finish()?;
    let sandbox = stripe_sandbox::build(sandbox, shared.clone()).await?;
    let shop = shop::build(&settings, &databases, shared).await?;
    let mail = settings.text("MAIL_URL", "");
    let running = Running::start(served(shop, sandbox, bindings), shared.clone());
    table::print(args, ports, postgres_dir, &mail, progress.millis());
    if !args.no_demo {
        let drawn = demo::illustrate_products(settings, databases.product, shared.clone());
        shared.tracker.spawn(drawn);
    }

    shutdown_signal().await?;
    term::line("\nstopping: finishing what runs (press Ctrl-C again to stop at once)");
    tokio::select! {
        () = running.stop(Duration::ZERO) => {}
        _ = shutdown_signal() => term::line("stopped at once; the next start takes up what was left"),
    }
    Ok(())
}

/// The settings that an embedded shop gives to its services; what the environment says comes first.
fn embedded(mut settings: Settings, args: &UpArgs, ports: Ports) -> Settings {
    // Whoever listens everywhere is reached on loopback too.
    let host = match args.host {
        host if host.is_unspecified() => std::net::IpAddr::from([127, 0, 0, 1]),
        host => host,
    };
    let local = |port: u16| format!("http://{}", std::net::SocketAddr::new(host, port));
    let webhook = format!("{}/api/payments/webhook", local(ports.gateway));
    settings.default_to("SANDBOX_WEBHOOK_URL", webhook);
    settings.default_to("SANDBOX_WEBHOOK_EVENTS", payment_service::EVENT_TYPES.join(","));
    settings.default_to(
        "SANDBOX_DATA_FILE",
        data::stripe(&args.data).display().to_string(),
    );
    settings.default_to("IMAGE_DIR", data::images(&args.data).display().to_string());
    settings.default_to("MAIL_URL", format!("file:{}", data::mail(&args.data).display()));
    settings.default_to("STRIPE_API_URL", local(ports.stripe));
    settings.default_to("MIGRATE_ON_START", "off");
    if args.rate_limit == Switch::Off {
        settings = settings.with("RATE_LIMIT", "off").with("MAX_OPEN_ORDERS", "0");
    }
    settings
}

async fn load_demo(
    settings: &mut Settings,
    databases: &Databases,
    shared: &Shared,
    progress: &Progress,
) -> Result<(), StartError> {
    let pool = async |url: &str| {
        let settings = PgSettings {
            max_connections: 3,
            ..PgSettings::new(url, "souk-demo")
        };
        pg::connect(&settings).await
    };
    let (users, products) = futures::try_join!(pool(&databases.user), pool(&databases.product))?;
    let currency = Currency::parse(&settings.text("CURRENCY", "USD")).unwrap_or(Currency::USD);
    demo::load(&users, &products, shared.clock.as_ref(), currency, progress).await?;
    futures::join!(users.close(), products.close());
    Ok(())
}

fn served(shop: Shop, sandbox: App, bindings: [Bindings; 6]) -> Vec<Served> {
    let Shop {
        gateway,
        user,
        product,
        order,
        payment,
    } = shop;
    let limits = [
        Limits::EDGE,
        Limits::INSIDE,
        Limits::INSIDE,
        Limits::INSIDE,
        Limits::INSIDE,
        Limits::INSIDE,
    ];
    [gateway, user, product, order, payment, sandbox]
        .into_iter()
        .zip(bindings)
        .zip(limits)
        .map(|((app, bindings), limits)| Served {
            app,
            bindings,
            limits,
        })
        .collect()
}
