//! The shop in the test's own process, calling itself in memory, on a clock that the test can move.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use runtime::{App, Bindings, Limits, Running, Served, Settings, Shared};
use tokio::net::TcpListener;
use types::{Clock, SystemClock};

use crate::databases::Databases;

/// The machine's clock, moved forward by a test. It runs on: what is tried again in a second is.
#[derive(Debug, Default)]
pub struct MovedClock(AtomicU64);

impl MovedClock {
    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs(), Ordering::Relaxed);
    }
}

impl Clock for MovedClock {
    fn now(&self) -> time::OffsetDateTime {
        SystemClock.now() + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

/// A running shop.
pub struct OneProcess {
    /// Where the gateway is.
    pub gateway: SocketAddr,
    /// Where the services are: user, product, order, payment.
    pub services: [SocketAddr; 4],
    /// Where the stand-in for Stripe is.
    pub stripe: SocketAddr,
    /// Its time.
    pub clock: Arc<MovedClock>,
    running: Option<Running>,
}

impl OneProcess {
    /// Starts one on `databases`, with `more` settings.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start(databases: &Databases, more: &[(&str, &str)]) -> Self {
        runtime::telemetry::init_metrics();
        let clock = Arc::new(MovedClock::default());
        let shared = Shared::new(Arc::<MovedClock>::clone(&clock));
        let [gateway, user, product, order, payment, stripe] = listeners().await;
        let address = |listener: &TcpListener| listener.local_addr().expect("a bound address");
        let (gateway_at, stripe_at) = (address(&gateway), address(&stripe));
        let services = [&user, &product, &order, &payment].map(address);
        let images = std::env::temp_dir().join(format!("souk-test-images-{}", gateway_at.port()));

        let mut values = BTreeMap::from([
            ("RATE_LIMIT", "off".to_owned()),
            ("MIGRATE_ON_START", "off".to_owned()),
            ("STRIPE_API_URL", format!("http://{stripe_at}")),
            (
                "SANDBOX_WEBHOOK_URL",
                format!("http://{gateway_at}/api/payments/webhook"),
            ),
            // What an embedded shop is told of, and no more.
            ("SANDBOX_WEBHOOK_EVENTS", payment_service::EVENT_TYPES.join(",")),
            ("IMAGE_DIR", images.display().to_string()),
            ("MAIL_URL", format!("file:{}", mails(gateway_at.port()).display())),
        ]);
        values.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value));
        let mut settings = Settings::of(values, None);
        let sandbox = stripe_sandbox::Config::read(&mut settings);
        settings.finish().expect("settings without mistakes");

        let sandbox = stripe_sandbox::build(sandbox, shared.clone())
            .await
            .expect("the stand-in for Stripe");
        let shop = souk::shop::build(&settings, &databases.urls(), &shared)
            .await
            .expect("a shop that starts");
        let served = vec![
            serve(shop.gateway, gateway, Limits::EDGE),
            serve(shop.user, user, Limits::INSIDE),
            serve(shop.product, product, Limits::INSIDE),
            serve(shop.order, order, Limits::INSIDE),
            serve(shop.payment, payment, Limits::INSIDE),
            serve(sandbox, stripe, Limits::INSIDE),
        ];
        Self {
            gateway: gateway_at,
            services,
            stripe: stripe_at,
            clock,
            running: Some(Running::start(served, shared)),
        }
    }

    /// Stops it in good order.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop(Duration::ZERO).await;
        }
    }
}

/// Where the mails are of a shop whose gateway is at `port`.
fn mails(port: u16) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("souk-test-mails-{port}"))
}

async fn listeners() -> [TcpListener; 6] {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bound = [(); 6].map(|()| TcpListener::bind(any));
    futures::future::try_join_all(bound)
        .await
        .ok()
        .and_then(|all| all.try_into().ok())
        .expect("six free ports")
}

fn serve(app: App, listener: TcpListener, limits: Limits) -> Served {
    let bindings = Bindings {
        public: Some(listener),
        ..Bindings::default()
    };
    Served {
        app,
        bindings,
        limits,
    }
}
