//! Every setting of order-service, its default and its check.

use std::path::PathBuf;
use std::time::Duration;

use cache::RedisUrl;
use pg::PgSettings;
use runtime::{Neighbour, Secret, Settings};
use types::{Currency, DecimalText, Money, Rounding};

use crate::NAME;
use crate::domain::{Rates, TrackingLinks};
use crate::mailer::MailSettings;

/// What the service needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its database.
    pub database: PgSettings,
    /// Whether migrations run at the start.
    pub migrate_on_start: bool,
    /// What sign internal calls; the first signs, all verify.
    pub identity_secrets: Vec<Secret>,
    /// What signs cursors.
    pub cursor_secret: Secret,
    /// A copy of user-service's published keys, for when it does not answer.
    pub jwks_file: Option<PathBuf>,
    /// Where a copy of what user-service knows of sessions is; it is asked each time if nowhere.
    pub redis: Option<RedisUrl>,
    /// Currency, tax, shipping.
    pub rates: Rates,
    /// How long an order may wait for its money.
    pub payment_window: Duration,
    /// How long `POST /orders` waits for the checkout before it answers 202.
    pub answer_within: Duration,
    /// Orders that are placed at the same time.
    pub checkouts_at_once: usize,
    /// How long others wait for their turn before they are told to come again.
    pub checkout_patience: Duration,
    /// How long one call to a neighbour may take.
    pub rpc_timeout: Duration,
    /// Unpaid orders that one account may have; 0 for any number.
    pub max_open_orders: u32,
    /// How often to look for jobs of which nobody in this process knows.
    pub jobs_poll: Duration,
    /// Where mails go, and whom they are from.
    pub mail: MailSettings,
    /// Where parcels are followed.
    pub tracking_links: TrackingLinks,
}

impl Config {
    /// Reads all settings; mistakes stay in `settings` until its `finish`.
    pub fn read(settings: &mut Settings) -> Self {
        let url = settings.required("DATABASE_URL", "name order-service's Postgres database");
        let mut database = PgSettings::new(url, NAME);
        database.max_connections = settings.number("DATABASE_MAX_CONNECTIONS", 10, 2..=200);
        let currency = settings.text("CURRENCY", "USD");
        let currency = Currency::parse(&currency).unwrap_or_else(|why| {
            settings.refuse("CURRENCY", why);
            Currency::USD
        });
        let shipping = amount(settings, "SHIPPING_FLAT", currency, 10);
        // Half a major unit, as Stripe has it for most currencies.
        let unit = 10_i64.pow(u32::from(currency.exponent()));
        let minimum = Money::from_minor((unit / 2).max(1), currency);
        let answer_within = settings.seconds("CHECKOUT_ANSWER_SECONDS", 4, 1..=30);
        let checkout_patience = settings.seconds("CHECKOUT_PATIENCE_SECONDS", 1, 0..=30);
        if checkout_patience > answer_within {
            let (patience, answer) = (checkout_patience.as_secs(), answer_within.as_secs());
            let why = format!(
                "{patience} in line are more than the {answer} of CHECKOUT_ANSWER_SECONDS, by when a request is answered: \
                 lower the one or raise the other"
            );
            settings.refuse("CHECKOUT_PATIENCE_SECONDS", why);
        }
        Self {
            database,
            migrate_on_start: {
                let development = !settings.production();
                settings.flag("MIGRATE_ON_START", development)
            },
            identity_secrets: settings.secrets(
                "SERVICE_IDENTITY_SECRETS",
                "souk-demo-service-identity-0123456789",
            ),
            cursor_secret: settings.secret("CURSOR_SECRET", "souk-demo-cursor-0123456789abcdef"),
            jwks_file: settings.optional("JWKS_FILE").map(PathBuf::from),
            redis: settings.optional_as("REDIS_URL", RedisUrl::parse),
            rates: Rates {
                currency,
                tax_basis_points: settings.number("TAX_BASIS_POINTS", 1_000, 0..=10_000),
                tax_included: settings.flag("TAX_INCLUDED", false),
                rounding: settings.parse("ROUNDING", Rounding::default()),
                shipping,
                minimum,
            },
            payment_window: settings.seconds("PAYMENT_WINDOW_SECONDS", 900, 60..=7_080),
            answer_within,
            checkouts_at_once: settings.number("CHECKOUTS_AT_ONCE", 64, 1..=10_000),
            checkout_patience,
            rpc_timeout: settings.seconds("RPC_TIMEOUT_SECONDS", 3, 1..=30),
            max_open_orders: settings.number("MAX_OPEN_ORDERS", 100, 0..=100_000),
            jobs_poll: settings.seconds("JOBS_POLL_SECONDS", 1, 1..=60),
            mail: mail(settings),
            tracking_links: settings.parse("TRACKING_LINKS", TrackingLinks::default()),
        }
    }
}

/// A mail server, or a folder where nothing leaves the machine.
fn mail(settings: &mut Settings) -> MailSettings {
    let mut mail = MailSettings::folder(PathBuf::new());
    mail.from = settings.parse("MAIL_FROM", mail.from);
    if !mail.from.email.to_string().is_ascii() {
        let plain = "has an address beyond ASCII, which many mail servers do not take: write its domain as xn--…, and a plain name before the @";
        settings.refuse("MAIL_FROM", plain);
    }
    mail.patience = settings.seconds("MAIL_TIMEOUT_SECONDS", mail.patience.as_secs(), 1..=600);
    let address = settings.text("MAIL_URL", "file:.souk/mail");
    let authorities = settings.optional("MAIL_CA");
    match mail.clone().through(&address, authorities.as_deref()) {
        Ok(mail) => mail,
        Err((name, why)) => {
            settings.refuse(name, why);
            mail
        }
    }
}

/// An amount in major units, or `default` major units.
fn amount(settings: &mut Settings, name: &str, currency: Currency, default: i64) -> Money {
    let fallback = Money::from_minor(default * 10_i64.pow(u32::from(currency.exponent())), currency);
    let text = settings.text(name, &fallback.to_string());
    Money::parse(&DecimalText::new(text), currency).unwrap_or_else(|why| {
        settings.refuse(name, why);
        fallback
    })
}

/// The services that order-service calls.
#[derive(Clone)]
pub struct Neighbours {
    /// For keys and sessions.
    pub user: Neighbour,
    /// For prices and stock.
    pub product: Neighbour,
    /// For money.
    pub payment: Neighbour,
}

impl Neighbours {
    /// In other processes, where the settings say.
    pub fn remote(settings: &mut Settings) -> Self {
        Self {
            user: Neighbour::grpc(settings.uri("USER_SERVICE_RPC", "http://127.0.0.1:4001")),
            product: Neighbour::grpc(settings.uri("PRODUCT_SERVICE_RPC", "http://127.0.0.1:4002")),
            payment: Neighbour::grpc(settings.uri("PAYMENT_SERVICE_RPC", "http://127.0.0.1:4004")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(given: &[(&str, &str)]) -> Vec<String> {
        let url = ("DATABASE_URL", "postgres://shop@db/orders");
        let given = given.iter().chain([&url]);
        let mut settings = Settings::of(given.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())), None);
        drop(Config::read(&mut settings));
        settings.finish().err().map(|errors| errors.0).unwrap_or_default()
    }

    // OPS-3, ORD-11
    #[test]
    fn nobody_waits_in_line_for_longer_than_until_the_answer() {
        let told = mistakes(&[("CHECKOUT_PATIENCE_SECONDS", "5"), ("ROUNDING", "sideways")]);
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(
            told[0],
            "CHECKOUT_PATIENCE_SECONDS: 5 in line are more than the 4 of CHECKOUT_ANSWER_SECONDS, by when a request is \
             answered: lower the one or raise the other"
        );
        for (patience, answer) in [("4", "4"), ("1", "1"), ("30", "30"), ("0", "1")] {
            let given = [
                ("CHECKOUT_PATIENCE_SECONDS", patience),
                ("CHECKOUT_ANSWER_SECONDS", answer),
            ];
            assert_eq!(mistakes(&given), [""; 0], "{given:?}");
        }
    }
}
