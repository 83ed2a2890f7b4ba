//! The shop as five processes and the stand-in for Stripe as a sixth, over real sockets.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::client::Api;
use crate::databases::Databases;
use crate::process::{Process, binary, free_ports};
use crate::shop::eventually;

/// Names of the binaries, in the order of their ports.
const NAMES: [&str; 6] = [
    "api-gateway",
    "user-service",
    "product-service",
    "order-service",
    "payment-service",
    "stripe-sandbox",
];

/// A running shop. Its processes are killed when it is dropped.
pub struct FiveProcesses {
    base: u16,
    settings: Vec<(String, String)>,
    processes: Vec<Option<Process>>,
}

impl FiveProcesses {
    /// Starts one on `databases` and waits until every part is ready. The setting `SOUK_TEST_LOGS` names a folder
    /// for the logs.
    ///
    /// # Panics
    /// A part ends or does not get ready.
    pub async fn start(databases: &Databases, more: &[(&str, &str)]) -> Self {
        // Public ports from base, internal ones from base + 10.
        let base = free_ports(16);
        let at = |port: u16| format!("http://127.0.0.1:{port}");
        let folder = std::env::temp_dir().join(format!("souk-test-five-{base}"));
        let urls = databases.urls();
        let settings = [
            ("USER_SERVICE_URL", at(base + 1)),
            ("PRODUCT_SERVICE_URL", at(base + 2)),
            ("ORDER_SERVICE_URL", at(base + 3)),
            ("PAYMENT_SERVICE_URL", at(base + 4)),
            ("USER_SERVICE_RPC", at(base + 11)),
            ("PRODUCT_SERVICE_RPC", at(base + 12)),
            ("ORDER_SERVICE_RPC", at(base + 13)),
            ("PAYMENT_SERVICE_RPC", at(base + 14)),
            ("STRIPE_API_URL", at(base + 5)),
            (
                "SANDBOX_WEBHOOK_URL",
                format!("{}/api/payments/webhook", at(base)),
            ),
            (
                "SANDBOX_DATA_FILE",
                folder.join("stripe.jsonl").display().to_string(),
            ),
            ("IMAGE_DIR", folder.join("images").display().to_string()),
            ("MAIL_URL", format!("file:{}", folder.join("mail").display())),
            ("METRICS_ADDR", format!("127.0.0.1:{}", base + 10)),
            ("RATE_LIMIT", "off".to_owned()),
            ("user-service", urls.user),
            ("product-service", urls.product),
            ("order-service", urls.order),
            ("payment-service", urls.payment),
        ];
        let settings = settings
            .into_iter()
            .chain(more.iter().map(|(name, value)| (*name, (*value).to_owned())))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        drop(std::fs::create_dir_all(&folder));
        let mut shop = Self {
            base,
            settings,
            processes: NAMES.iter().map(|_| None).collect(),
        };
        for name in NAMES {
            shop.spawn(name);
        }
        shop.ready().await;
        shop
    }

    /// Where the gateway is.
    #[must_use]
    pub fn gateway(&self) -> String {
        format!("http://127.0.0.1:{}", self.base)
    }

    /// Where the public port of `name` is.
    #[must_use]
    pub fn public(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", self.base + index(name))
    }

    /// Where the internal port of `name` is.
    #[must_use]
    pub fn internal(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", self.base + 10 + index(name))
    }

    /// Kills `name` with -9.
    ///
    /// # Panics
    /// It is not running.
    pub fn kill(&mut self, name: &str) {
        self.take(name).kill();
    }

    /// Stops `name` in good order.
    ///
    /// # Panics
    /// It is not running.
    pub fn stop(&mut self, name: &str) {
        self.take(name).stop();
    }

    /// Stops every process that runs, in good order.
    ///
    /// # Panics
    /// One does not end well.
    pub fn stop_all(&mut self) {
        self.processes
            .iter_mut()
            .filter_map(Option::take)
            .for_each(Process::stop);
    }

    /// Starts `name` again and waits until it is ready.
    ///
    /// # Panics
    /// It does not get ready.
    pub async fn restart(&mut self, name: &str) {
        self.spawn(name);
        self.ready().await;
    }

    fn take(&mut self, name: &str) -> Process {
        self.processes[usize::from(index(name))]
            .take()
            .unwrap_or_else(|| panic!("{name} is not running"))
    }

    fn spawn(&mut self, name: &str) {
        let mut command = Command::new(binary(name));
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LOG_FILTER", "warn")
            .env("LISTEN_ADDR", format!("127.0.0.1:{}", self.base + index(name)))
            .env(
                "INTERNAL_ADDR",
                format!("127.0.0.1:{}", self.base + 10 + index(name)),
            )
            .stdout(Stdio::null());
        for (key, value) in &self.settings {
            match key.as_str() {
                database if database == name => command.env("DATABASE_URL", value),
                other if NAMES.contains(&other) => &mut command,
                setting => command.env(setting, value),
            };
        }
        if let Some((_, folder)) = self.settings.iter().find(|(key, _)| key == "SOUK_TEST_LOGS") {
            std::fs::create_dir_all(folder).expect("a folder for logs");
            let log = std::fs::File::create(format!("{folder}/{name}.log")).expect("a log");
            command.stderr(log);
        }
        self.processes[usize::from(index(name))] = Some(Process::start(name, &mut command));
    }

    async fn ready(&mut self) {
        for name in NAMES {
            let api = Api::new(self.public(name));
            let process = &mut self.processes[usize::from(index(name))];
            eventually(Duration::from_secs(30), name, || {
                if let Some(ended) = process.as_mut().and_then(Process::ended) {
                    panic!("{ended}");
                }
                let api = api.clone();
                async move {
                    let answer = api.try_send(http::Method::GET, "/ready", None, "").await;
                    answer.is_ok_and(|a| a.status == 200).then_some(())
                }
            })
            .await;
        }
    }
}

fn index(name: &str) -> u16 {
    let at = NAMES.iter().position(|known| *known == name);
    at.and_then(|at| u16::try_from(at).ok())
        .unwrap_or_else(|| panic!("{name} is no part of the shop"))
}
