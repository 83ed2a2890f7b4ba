//! Every setting of the gateway, its default and its check.

use std::path::PathBuf;
use std::time::Duration;

use cache::RedisUrl;
use runtime::{Neighbour, Secret, Settings};

use crate::cors::Origins;

/// What the gateway needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// What sign internal calls; the first signs, all verify.
    pub identity_secrets: Vec<Secret>,
    /// A copy of user-service's published keys, for when it does not answer.
    pub jwks_file: Option<PathBuf>,
    /// Which web pages of other origins may call the API.
    pub origins: Origins,
    /// How many proxies of ours stand before the gateway; what they say of the client is believed.
    pub trusted_hops: usize,
    /// Whether browsers are told to come by HTTPS only.
    pub strict_transport: bool,
    /// How often a client may call.
    pub rates: RateNumbers,
    /// Where gateways count together; each by itself if nowhere.
    pub redis: Option<RedisUrl>,
    /// How long things may take.
    pub timeouts: Timeouts,
}

/// How often a client may call, by kind of route.
#[derive(Clone, Copy, Debug)]
pub struct RateNumbers {
    /// Whether calls are limited at all.
    pub on: bool,
    /// Whether the older `X-RateLimit-*` headers are sent as well.
    pub legacy_headers: bool,
    /// Sign-in and sign-up a minute, by address.
    pub auth: u32,
    /// How many of those may come at once.
    pub auth_burst: u32,
    /// Searches a minute.
    pub search: u32,
    /// Files of pictures a minute.
    pub images: u32,
    /// Orders placed a minute.
    pub checkout: u32,
    /// Payment writes a minute, by address.
    pub payments: u32,
    /// Webhooks a minute, by address.
    pub webhook: u32,
    /// Everything else a minute.
    pub other: u32,
    /// How many gateways there are: each lets through its part while they do not count together.
    pub gateways: u32,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// A service may take this long to begin its answer.
    pub upstream: Duration,
    /// The same, for uploads.
    pub upload: Duration,
    /// A client may take this long to send a body.
    pub body: Duration,
    /// A service may fall silent this long in the middle of an answer.
    pub silence: Duration,
}

impl Config {
    /// Reads all settings; mistakes stay in `settings` until its `finish`.
    pub fn read(settings: &mut Settings) -> Self {
        let production = settings.production();
        let origins = if production {
            "none"
        } else {
            "http://localhost:3000,http://localhost:5173"
        };
        let origins = settings.text("CORS_ORIGINS", origins);
        let origins = Origins::parse(&origins).unwrap_or_else(|why| {
            settings.refuse("CORS_ORIGINS", why);
            Origins::None
        });
        Self {
            identity_secrets: settings.secrets(
                "SERVICE_IDENTITY_SECRETS",
                "souk-demo-service-identity-0123456789",
            ),
            jwks_file: settings.optional("JWKS_FILE").map(PathBuf::from),
            origins,
            trusted_hops: settings.number("TRUSTED_HOPS", 0, 0..=8),
            strict_transport: production,
            rates: RateNumbers::read(settings),
            redis: settings.optional_as("REDIS_URL", RedisUrl::parse),
            timeouts: Timeouts {
                upstream: settings.seconds("UPSTREAM_TIMEOUT_SECONDS", 5, 1..=60),
                upload: settings.seconds("UPLOAD_TIMEOUT_SECONDS", 30, 1..=300),
                body: settings.seconds("BODY_TIMEOUT_SECONDS", 30, 1..=300),
                silence: Duration::from_secs(30),
            },
        }
    }
}

impl RateNumbers {
    fn read(settings: &mut Settings) -> Self {
        let mut a_minute =
            |name: &str, default| settings.number(&format!("RATE_LIMIT_{name}"), default, 1..=1_000_000);
        let (auth, auth_burst) = (a_minute("AUTH_PER_MINUTE", 30), a_minute("AUTH_BURST", 10));
        let (search, checkout) = (
            a_minute("SEARCH_PER_MINUTE", 120),
            a_minute("CHECKOUT_PER_MINUTE", 60),
        );
        let images = a_minute("IMAGES_PER_MINUTE", 6_000);
        let (payments, webhook) = (
            a_minute("PAYMENTS_PER_MINUTE", 60),
            a_minute("WEBHOOK_PER_MINUTE", 12_000),
        );
        let other = a_minute("DEFAULT_PER_MINUTE", 600);
        Self {
            on: settings.flag("RATE_LIMIT", true),
            legacy_headers: settings.flag("RATE_LIMIT_LEGACY_HEADERS", false),
            auth,
            auth_burst,
            search,
            images,
            checkout,
            payments,
            webhook,
            other,
            gateways: settings.number("RATE_LIMIT_GATEWAYS", 1, 1..=1_000),
        }
    }
}

/// The services behind the gateway.
#[derive(Clone)]
pub struct Neighbours {
    /// user-service's internal port, for the keys that verify tokens.
    pub user_rpc: Neighbour,
    /// user-service's public routes.
    pub user: Neighbour,
    /// product-service's public routes.
    pub product: Neighbour,
    /// order-service's public routes.
    pub order: Neighbour,
    /// payment-service's public routes.
    pub payment: Neighbour,
}

impl Neighbours {
    /// In other processes, where the settings say.
    pub fn remote(settings: &mut Settings) -> Self {
        Self {
            user_rpc: Neighbour::grpc(settings.uri("USER_SERVICE_RPC", "http://127.0.0.1:4001")),
            user: Neighbour::http(settings.uri("USER_SERVICE_URL", "http://127.0.0.1:3001")),
            product: Neighbour::http(settings.uri("PRODUCT_SERVICE_URL", "http://127.0.0.1:3002")),
            order: Neighbour::http(settings.uri("ORDER_SERVICE_URL", "http://127.0.0.1:3003")),
            payment: Neighbour::http(settings.uri("PAYMENT_SERVICE_URL", "http://127.0.0.1:3004")),
        }
    }
}
