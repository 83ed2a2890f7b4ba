//! Every setting of product-service, its default and its check.

use std::path::PathBuf;
use std::time::Duration;

use cache::RedisUrl;
use pg::PgSettings;
use runtime::{Neighbour, Secret, Settings};
use types::Currency;

use crate::NAME;

/// How long an `Idempotency-Key` is kept.
pub(crate) const KEYS_KEPT: Duration = pg::retention::KEYS;

/// What the service needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its database.
    pub database: PgSettings,
    /// Whether a start brings the database up to date.
    pub migrate_on_start: bool,
    /// What sign internal calls; the first signs, all verify.
    pub identity_secrets: Vec<Secret>,
    /// What signs cursors.
    pub cursor_secret: Secret,
    /// A copy of user-service's published keys, for when it does not answer.
    pub jwks_file: Option<PathBuf>,
    /// Where processes share what they cached; each keeps its own if nowhere.
    pub redis: Option<RedisUrl>,
    /// What prices are in.
    pub currency: Currency,
    /// How few are few: when what can be bought of a product falls to this, `stock.low.v1` tells.
    pub low_stock: i64,
    /// Where uploaded images are kept.
    pub image_dir: PathBuf,
    /// What stands before an image's file name in its address.
    pub image_base_url: String,
}

impl Config {
    /// Reads all settings; mistakes stay in `settings` until its `finish`.
    pub fn read(settings: &mut Settings) -> Self {
        let url = settings.required("DATABASE_URL", "name product-service's Postgres database");
        let mut database = PgSettings::new(url, NAME);
        database.max_connections = settings.number("DATABASE_MAX_CONNECTIONS", 10, 2..=200);
        let currency = settings.text("CURRENCY", "USD");
        let currency = Currency::parse(&currency).unwrap_or_else(|why| {
            settings.refuse("CURRENCY", why);
            Currency::USD
        });
        let migrate = !settings.production();
        let base = settings.text("IMAGE_BASE_URL", "/api/images");
        Self {
            database,
            migrate_on_start: settings.flag("MIGRATE_ON_START", migrate),
            identity_secrets: settings.secrets(
                "SERVICE_IDENTITY_SECRETS",
                "souk-demo-service-identity-0123456789",
            ),
            cursor_secret: settings.secret("CURSOR_SECRET", "souk-demo-cursor-0123456789abcdef"),
            jwks_file: settings.optional("JWKS_FILE").map(PathBuf::from),
            redis: settings.optional_as("REDIS_URL", RedisUrl::parse),
            currency,
            low_stock: settings.number("LOW_STOCK_THRESHOLD", 5, 0..=1_000_000),
            image_dir: PathBuf::from(settings.text("IMAGE_DIR", ".souk/images")),
            image_base_url: base.trim_end_matches('/').to_owned(),
        }
    }
}

/// The services that product-service calls.
#[derive(Clone)]
pub struct Neighbours {
    /// For keys.
    pub user: Neighbour,
}

impl Neighbours {
    /// In other processes, where the settings say.
    pub fn remote(settings: &mut Settings) -> Self {
        Self {
            user: Neighbour::grpc(settings.uri("USER_SERVICE_RPC", "http://127.0.0.1:4001")),
        }
    }
}
