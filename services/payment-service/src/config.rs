//! Every setting of payment-service, its default and its check.

use std::path::PathBuf;
use std::time::Duration;

use cache::RedisUrl;
use pg::PgSettings;
use runtime::{Neighbour, Secret, Settings};

use crate::NAME;
use crate::stripe::StripeSettings;

/// The sandbox's key: opens nothing but the sandbox.
const DEMO_KEY: &str = "sk_test_souk_sandbox";
/// What the sandbox signs with.
const DEMO_WEBHOOK_SECRET: &str = "whsec_souk-demo-0123456789abcdef0123";
/// Where the sandbox listens.
const SANDBOX: &str = "http://127.0.0.1:12111";

/// What the service needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its database.
    pub database: PgSettings,
    /// Whether the start brings the database up to date.
    pub migrate: bool,
    /// What sign internal calls; the first signs, all verify.
    pub identity_secrets: Vec<Secret>,
    /// What signs cursors.
    pub cursor_secret: Secret,
    /// A copy of user-service's published keys, for when it does not answer.
    pub jwks_file: Option<PathBuf>,
    /// Where a copy of what user-service knows of sessions is; it is asked each time if nowhere.
    pub redis: Option<RedisUrl>,
    /// The provider, and who we are to it.
    pub stripe: StripeSettings,
    /// What verify webhooks; several while they rotate.
    pub webhook_secrets: Vec<Secret>,
    /// The connected account whose events are ours, where the endpoint hears of several.
    pub stripe_account: Option<String>,
    /// How long an open payment goes unread where no webhook told of it.
    pub recheck: Duration,
    /// How one may pay, in the provider's words. Slower ways than cards keep stock held for days.
    pub payment_methods: Vec<String>,
}

impl Config {
    /// Reads all settings; mistakes stay in `settings` until its `finish`.
    pub fn read(settings: &mut Settings) -> Self {
        let url = settings.required("DATABASE_URL", "name payment-service's Postgres database");
        let mut database = PgSettings::new(url, NAME);
        database.max_connections = settings.number("DATABASE_MAX_CONNECTIONS", 10, 2..=200);
        let migrate = !settings.production();
        Self {
            database,
            migrate: settings.flag("MIGRATE_ON_START", migrate),
            identity_secrets: settings.secrets(
                "SERVICE_IDENTITY_SECRETS",
                "souk-demo-service-identity-0123456789",
            ),
            cursor_secret: settings.secret("CURSOR_SECRET", "souk-demo-cursor-0123456789abcdef"),
            jwks_file: settings.optional("JWKS_FILE").map(PathBuf::from),
            redis: settings.optional_as("REDIS_URL", RedisUrl::parse),
            stripe: provider(settings),
            webhook_secrets: webhook_secrets(settings),
            stripe_account: settings.optional("STRIPE_ACCOUNT"),
            recheck: settings.seconds("PAYMENT_RECHECK_SECONDS", 300, 1..=86_400),
            payment_methods: payment_methods(settings),
        }
    }
}

/// Who the provider is, and who we are to it. Production talks to Stripe itself, never to the sandbox; a live key goes to
/// nobody else.
pub fn provider(settings: &mut Settings) -> StripeSettings {
    let api = settings.uri("STRIPE_API_URL", SANDBOX);
    if settings.production() && api.scheme_str() != Some("https") {
        settings.refuse(
            "STRIPE_API_URL",
            "production speaks https to Stripe; the sandbox takes no money",
        );
    }
    let key = settings.secret("STRIPE_SECRET_KEY", DEMO_KEY);
    let live = ["sk_live_", "rk_live_"]
        .iter()
        .any(|p| key.expose().starts_with(p));
    if live && !settings.production() && api.scheme_str() != Some("https") {
        settings.refuse(
            "STRIPE_SECRET_KEY",
            "is a live one, and STRIPE_API_URL is not https: take a test key, or Stripe itself",
        );
    }
    StripeSettings {
        api,
        key,
        live,
        timeout: settings.seconds("STRIPE_TIMEOUT_SECONDS", 10, 1..=80),
    }
}

/// An empty secret would verify everybody's webhooks or nobody's (PAY-6): not even the demo starts with one.
fn webhook_secrets(settings: &mut Settings) -> Vec<Secret> {
    const SETTING: &str = "STRIPE_WEBHOOK_SECRETS";
    if settings.is_blank(SETTING) {
        settings.refuse(
            SETTING,
            "is empty; give the signing secret of the webhook endpoint",
        );
    }
    settings.secrets(SETTING, DEMO_WEBHOOK_SECRET)
}

fn payment_methods(settings: &mut Settings) -> Vec<String> {
    const SETTING: &str = "PAYMENT_METHOD_TYPES";
    let list = settings.text(SETTING, "card");
    let methods: Vec<String> = list.split(',').map(|m| m.trim().to_owned()).collect();
    let word = |m: &String| !m.is_empty() && m.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if !methods.iter().all(word) {
        settings.refuse(SETTING, format!("`{list}` is not a list such as card,link"));
    }
    methods
}

/// The services that payment-service calls.
#[derive(Clone)]
pub struct Neighbours {
    /// For keys and sessions.
    pub user: Neighbour,
    /// For what an order costs; it also hears what happens to its money.
    pub order: Neighbour,
}

impl Neighbours {
    /// In other processes, where the settings say.
    pub fn remote(settings: &mut Settings) -> Self {
        Self {
            user: Neighbour::grpc(settings.uri("USER_SERVICE_RPC", "http://127.0.0.1:4001")),
            order: Neighbour::grpc(settings.uri("ORDER_SERVICE_RPC", "http://127.0.0.1:4003")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let given = [("DATABASE_URL", "postgres://localhost/payment")];
        let pairs = given
            .iter()
            .chain(pairs)
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let mut settings = Settings::of(pairs, None);
        let config = Config::read(&mut settings);
        settings.finish().map(|()| config).map_err(|e| e.to_string())
    }

    // PAY-6
    #[test]
    fn an_empty_webhook_secret_refuses_the_start() {
        for empty in ["", " ", "whsec_0123456789,", ","] {
            let refused = read(&[("STRIPE_WEBHOOK_SECRETS", empty)]).unwrap_err();
            assert!(refused.contains("STRIPE_WEBHOOK_SECRETS"), "{empty:?}: {refused}");
        }
        assert_eq!(
            read(&[]).unwrap().webhook_secrets.len(),
            1,
            "absent, the demo's stands in"
        );
        assert_eq!(
            read(&[("STRIPE_WEBHOOK_SECRETS", "whsec_a, whsec_b")])
                .unwrap()
                .webhook_secrets
                .len(),
            2
        );
    }

    #[test]
    fn a_live_key_goes_to_stripe_alone() {
        for key in ["sk_live_7f3c0b1ad5e94b6c", "rk_live_7f3c0b1ad5e94b6c"] {
            let refused = read(&[("STRIPE_SECRET_KEY", key)]).unwrap_err();
            assert!(
                refused.contains("STRIPE_SECRET_KEY") && !refused.contains(key),
                "{refused}"
            );
            let stripe = ("STRIPE_API_URL", "https://api.stripe.com");
            assert!(read(&[("STRIPE_SECRET_KEY", key), stripe]).unwrap().stripe.live);
        }
        assert!(!read(&[("STRIPE_SECRET_KEY", "sk_test_1")]).unwrap().stripe.live);
    }

    #[test]
    fn production_refuses_the_sandbox_and_its_keys() {
        let refused = read(&[("SOUK_ENV", "production")]).unwrap_err();
        for name in ["STRIPE_API_URL", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS"] {
            assert!(refused.contains(name), "{refused}");
        }
        let config = read(&[
            ("SOUK_ENV", "production"),
            ("SERVICE_IDENTITY_SECRETS", "7f3c0b1ad5e94b6c8f2a7f3c0b1ad5e9"),
            ("CURSOR_SECRET", "0c5b7f3c0b1ad5e94b6c8f2a7f3c0b1a"),
            ("STRIPE_API_URL", "https://api.stripe.com"),
            ("STRIPE_SECRET_KEY", "sk_live_7f3c0b1ad5e94b6c8f2a7f3c0b1ad5e9"),
            ("STRIPE_WEBHOOK_SECRETS", "whsec_7f3c0b1ad5e94b6c8f2a7f3c0b1ad5e9"),
        ])
        .unwrap();
        assert!(config.stripe.live && !config.migrate);
    }
}
