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
    /// The pictures of products.
    pub images: ImageConfig,
}

/// The pictures of products.
#[derive(Clone, Debug)]
pub struct ImageConfig {
    /// Where their files are kept.
    pub store: ImageStore,
    /// What stands before a file's name in its address, without a slash at its end.
    pub base_url: String,
    /// How many uploads are decoded at once; each takes a processor and up to half a gigabyte.
    pub renders: usize,
}

/// Where files are kept.
#[derive(Clone, Debug)]
pub enum ImageStore {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// In a bucket.
    Bucket(Bucket),
}

/// A bucket of a server that speaks S3.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// The server's address.
    pub endpoint: String,
    /// The bucket's name.
    pub name: String,
    /// Where the server says that it is.
    pub region: String,
    /// Names the account.
    pub access_key: Secret,
    /// Proves it.
    pub secret_key: Secret,
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
            images: ImageConfig::read(settings),
        }
    }
}

impl ImageConfig {
    fn read(settings: &mut Settings) -> Self {
        let base = settings.text("IMAGE_BASE_URL", "/api/images");
        let base = base.trim_end_matches('/');
        if !(base.starts_with('/') || base.starts_with("https://") || base.starts_with("http://")) {
            let why = format!(
                "`{base}` is neither a path such as /api/images nor an address that begins with https://"
            );
            settings.refuse("IMAGE_BASE_URL", why);
        }
        let dir = settings.text("IMAGE_DIR", ".souk/images");
        Self {
            store: match settings.optional("S3_ENDPOINT") {
                None => ImageStore::Folder(PathBuf::from(dir)),
                Some(_) => ImageStore::Bucket(Bucket::read(settings)),
            },
            base_url: base.to_owned(),
            renders: settings.number("IMAGE_RENDERS", 1, 1..=64),
        }
    }
}

impl Bucket {
    /// The settings where `S3_ENDPOINT` is one of them. Without it, the others are left alone.
    fn read(settings: &mut Settings) -> Self {
        let endpoint = settings.uri("S3_ENDPOINT", "https://s3.eu-central-1.amazonaws.com");
        if endpoint.authority().is_some_and(|a| a.as_str().contains('@')) {
            settings.refuse(
                "S3_ENDPOINT",
                "holds a login; give it as S3_ACCESS_KEY and S3_SECRET_KEY",
            );
        }
        let hint =
            "S3_ENDPOINT is, so name the bucket for images (or unset S3_ENDPOINT to keep them in IMAGE_DIR)";
        let name = settings.required("S3_BUCKET", hint);
        let usual = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
        if !name.is_empty() && (!name.chars().all(usual) || !(3..=63).contains(&name.len())) {
            settings.refuse(
                "S3_BUCKET",
                format!("`{name}` is not the name of a bucket: 3 to 63 of a-z, 0-9, dot and hyphen"),
            );
        }
        Self {
            endpoint: endpoint.to_string().trim_end_matches('/').to_owned(),
            name,
            region: settings.text("S3_REGION", "us-east-1"),
            access_key: given(settings, "S3_ACCESS_KEY"),
            secret_key: given(settings, "S3_SECRET_KEY"),
        }
    }
}

/// A secret for which nothing stands in.
fn given(settings: &mut Settings, name: &str) -> Secret {
    let value = settings.optional(name);
    if value.is_none() {
        settings.refuse(
            name,
            "is not set; S3_ENDPOINT is, so give the key of an account that may use the bucket",
        );
    }
    Secret::new(value.unwrap_or_default())
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
