//! A shop of its own: five processes, a stand-in for Stripe and a PostgreSQL, with a proxy on every connection.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use payment_service::domain::drift::Scope;
use payment_service::operator::Report as Reconciliation;
use pg::server::{PrivateServer, ServerOptions};
use runtime::{Settings, Shared, StartError};
use tokio::process::{Child, Command};

use super::http::Http;
use super::outside::Stripe;
use super::plan::{Link, Part};
use super::proxy::{Proxy, Target};
use super::webhooks::Road;
use crate::shop::Databases;
use crate::up::data;

/// The processes, in the order of their ports.
pub(super) const PROCESSES: [Part; 6] = [
    Part::Gateway,
    Part::User,
    Part::Product,
    Part::Order,
    Part::Payment,
    Part::Stripe,
];
/// How long a process may take to be ready.
const READY: Duration = Duration::from_secs(60);
/// How often it is asked.
const ASKED: Duration = Duration::from_millis(15);

/// The running shop. Its processes are killed when it is dropped.
pub(super) struct Shop {
    base: u16,
    folder: PathBuf,
    pub(super) databases: Databases,
    postgres: PrivateServer,
    pub(super) links: HashMap<Link, Proxy>,
    pub(super) road: Road,
    settings: Vec<(String, String)>,
    children: HashMap<Part, Child>,
}

impl Shop {
    /// Starts one in `folder`, and waits until it is ready.
    pub(super) async fn start(
        folder: &Path,
        pg_bin: Option<PathBuf>,
        payment_window: Duration,
        shared: &Shared,
    ) -> Result<Self, StartError> {
        let postgres = PrivateServer::start(ServerOptions {
            bin_dir: pg_bin,
            // A killed process loses nothing that it wrote; only the loss of power would.
            fsync: false,
            ..ServerOptions::new(data::postgres(folder))
        })
        .await?;
        let databases = data::databases(&postgres).await?;
        crate::migrate::all(&databases).await?;
        let base = free_ports(16)?;
        let (tracker, stop) = (&shared.tracker, &shared.stop);
        let mut links = HashMap::new();
        for link in Link::ALL {
            let target = match link {
                Link::Database(_) => Target::Socket(postgres.socket()),
                Link::Rpc(part) => Target::Port(base + 10 + offset(part)),
                Link::Http(part) => Target::Port(base + offset(part)),
                Link::Stripe => Target::Port(base + offset(Part::Stripe)),
            };
            links.insert(link, Proxy::start(target, tracker, stop.clone()).await?);
        }
        let gateway = Http::new(format!("http://127.0.0.1:{base}"));
        let (road, webhooks) = Road::open(gateway, tracker, stop.clone()).await?;
        std::fs::create_dir_all(folder.join("logs"))?;
        let mut shop = Self {
            base,
            folder: folder.to_owned(),
            databases,
            postgres,
            links,
            road,
            settings: Vec::new(),
            children: HashMap::new(),
        };
        shop.settings = shop.settings_with(&webhooks, payment_window);
        for part in PROCESSES {
            shop.spawn(part)?;
        }
        for part in PROCESSES {
            shop.ready(part).await?;
        }
        Ok(shop)
    }

    /// The public port of a part.
    pub(super) fn at(&self, part: Part) -> Http {
        Http::new(format!("http://127.0.0.1:{}", self.base + offset(part)))
    }

    /// The stand-in for Stripe, with its key.
    pub(super) fn stripe(&self) -> Stripe {
        let key = base64::engine::general_purpose::STANDARD.encode("sk_test_souk_sandbox:");
        let http = self
            .at(Part::Stripe)
            .with("authorization", format!("Basic {key}"));
        Stripe(http)
    }

    fn settings_with(&self, webhooks: &str, payment_window: Duration) -> Vec<(String, String)> {
        let link = |link: Link| {
            let port = self.links.get(&link).map_or(0, |proxy| proxy.port);
            format!("http://127.0.0.1:{port}")
        };
        let file = |name: &str| self.folder.join(name).display().to_string();
        [
            ("USER_SERVICE_URL", link(Link::Http(Part::User))),
            ("PRODUCT_SERVICE_URL", link(Link::Http(Part::Product))),
            ("ORDER_SERVICE_URL", link(Link::Http(Part::Order))),
            ("PAYMENT_SERVICE_URL", link(Link::Http(Part::Payment))),
            ("USER_SERVICE_RPC", link(Link::Rpc(Part::User))),
            ("PRODUCT_SERVICE_RPC", link(Link::Rpc(Part::Product))),
            ("ORDER_SERVICE_RPC", link(Link::Rpc(Part::Order))),
            ("PAYMENT_SERVICE_RPC", link(Link::Rpc(Part::Payment))),
            ("STRIPE_API_URL", link(Link::Stripe)),
            ("STRIPE_TIMEOUT_SECONDS", "2".to_owned()),
            ("SANDBOX_WEBHOOK_URL", webhooks.to_owned()),
            ("SANDBOX_DATA_FILE", file("stripe.jsonl")),
            ("IMAGE_DIR", file("images")),
            ("MAIL_URL", format!("file:{}", file("mail"))),
            ("METRICS_ADDR", format!("127.0.0.1:{}", self.base + 10)),
            ("RATE_LIMIT", "off".to_owned()),
            ("MAX_OPEN_ORDERS", "0".to_owned()),
            ("PAYMENT_WINDOW_SECONDS", payment_window.as_secs().to_string()),
            // A lost webhook is found soon.
            ("PAYMENT_RECHECK_SECONDS", "5".to_owned()),
            ("LOG_FILTER", "warn".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    fn database_of(&self, part: Part) -> Option<String> {
        let port = self.links.get(&Link::Database(part))?.port;
        let name = part.name().replace('-', "_");
        Some(format!(
            "postgres://{name}@127.0.0.1:{port}/{name}?sslmode=disable"
        ))
    }

    /// Holds payments against Stripe's books: of what is open, by the same links as payment-service; of everything,
    /// by none that is disturbed.
    pub(super) fn reconciliation(
        &self,
        scope: Scope,
    ) -> impl Future<Output = Result<Reconciliation, StartError>> + Send + use<> {
        let direct = scope == Scope::All;
        let stripe = self.links.get(&Link::Stripe).map_or(0, |proxy| proxy.port);
        let stripe = if direct {
            self.base + offset(Part::Stripe)
        } else {
            stripe
        };
        let database = match direct {
            true => self.databases.payment.clone(),
            false => self.database_of(Part::Payment).unwrap_or_default(),
        };
        async move {
            let at = ("STRIPE_API_URL".to_owned(), format!("http://127.0.0.1:{stripe}"));
            let mut settings = Settings::of([at], None);
            let provider = payment_service::config::provider(&mut settings);
            settings.finish()?;
            crate::reconcile::run_once(database, provider, scope).await
        }
    }

    fn spawn(&mut self, part: Part) -> Result<(), StartError> {
        let log = self.folder.join("logs").join(format!("{}.log", part.name()));
        let log = std::fs::File::options().create(true).append(true).open(log)?;
        let at = |port: u16| format!("127.0.0.1:{port}");
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["run", part.name()])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LISTEN_ADDR", at(self.base + offset(part)))
            .env("INTERNAL_ADDR", at(self.base + 10 + offset(part)))
            .envs(self.settings.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        if let Some(url) = self.database_of(part) {
            command.env("DATABASE_URL", url);
        }
        self.children.insert(part, command.spawn()?);
        Ok(())
    }

    /// Waits until a part is ready. One that ended by itself meanwhile, such as for want of its database, is started
    /// again, as any supervisor does.
    pub(super) async fn ready(&mut self, part: Part) -> Result<(), StartError> {
        if part == Part::Postgres {
            return Ok(());
        }
        let http = self.at(part);
        let waiting = tokio::time::Instant::now();
        loop {
            self.revive(part)?;
            if http.get("/ready").await.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if waiting.elapsed() > READY {
                let logs = self.folder.join("logs");
                return Err(format!("{} does not get ready; see {}", part.name(), logs.display()).into());
            }
            tokio::time::sleep(ASKED).await;
        }
    }

    /// Starts again what ended by itself.
    pub(super) fn revive_all(&mut self) -> Result<(), StartError> {
        PROCESSES.into_iter().try_for_each(|part| self.revive(part))
    }

    fn revive(&mut self, part: Part) -> Result<(), StartError> {
        let ended = match self.children.get_mut(&part) {
            Some(child) => child.try_wait()?.is_some(),
            None => true,
        };
        if ended { self.spawn(part) } else { Ok(()) }
    }

    /// Kills a part with -9 and starts it again.
    pub(super) async fn kill(&mut self, part: Part) -> Result<(), StartError> {
        if part == Part::Postgres {
            if let Some(pid) = self.postgres.pid() {
                signal("KILL", pid).await?;
            }
            self.postgres.exited().await;
            self.postgres.restart().await?;
            return Ok(());
        }
        if let Some(mut child) = self.children.remove(&part) {
            child.kill().await?;
        }
        self.spawn(part)
    }

    /// Stops a part with SIGSTOP, and lets it go on after `pause`.
    pub(super) async fn pause(&mut self, part: Part, pause: Duration) -> Result<(), StartError> {
        let Some(pid) = self.children.get(&part).and_then(Child::id) else {
            return Ok(());
        };
        signal("STOP", pid).await?;
        tokio::time::sleep(pause).await;
        signal("CONT", pid).await
    }

    /// Ends everything.
    pub(super) async fn stop(mut self) -> Result<(), StartError> {
        for child in self.children.values_mut() {
            child.kill().await?;
        }
        Ok(self.postgres.stop().await?)
    }
}

/// The place of a part's port after the base.
fn offset(part: Part) -> u16 {
    let at = PROCESSES.iter().position(|known| *known == part);
    at.and_then(|at| u16::try_from(at).ok()).unwrap_or_default()
}

/// `count` ports in a row that nobody listens on, below those that the kernel hands to clients.
fn free_ports(count: u16) -> Result<u16, StartError> {
    let first = 20_000 + u16::try_from(std::process::id() % 700).unwrap_or_default() * 16;
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    (0..700_u16)
        .map(|n| 20_000 + (first - 20_000 + n * count) % 11_200)
        .find(|base| (*base..base + count).all(free))
        .ok_or_else(|| format!("there are no {count} free ports in a row").into())
}

async fn signal(name: &str, pid: u32) -> Result<(), StartError> {
    let status = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status()
        .await?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("kill -s {name} {pid} ended with {status}").into())
    }
}
