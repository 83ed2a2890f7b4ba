//! The service's settings, its neighbours, and what is for sale.

use std::path::Path;
use std::time::Duration;

use axum::Router;
use order_service::{Config, MailSettings, Rates, TrackingLinks};
use pg::PgSettings;
use runtime::{Neighbour, Secret};
use types::{Currency, Rounding};

use super::{CARLA, DORA, LAMP, MUG, PEN, WINDOW};
use crate::doubles::{Product, Stock};

pub(super) fn local(router: Router) -> Neighbour {
    let (neighbour, slot) = Neighbour::local();
    slot.set(router).unwrap();
    neighbour
}

pub(super) fn config(url: &str, mails: &Path, identity_secrets: Vec<Secret>) -> Config {
    let usd = |minor| types::Money::from_minor(minor, Currency::USD);
    Config {
        database: PgSettings {
            max_connections: 10,
            acquire_timeout: Duration::from_secs(30),
            ..PgSettings::new(url, "test")
        },
        migrate_on_start: false,
        identity_secrets,
        cursor_secret: Secret::new("cursors"),
        jwks_file: None,
        redis: None,
        rates: Rates {
            currency: Currency::USD,
            tax_basis_points: 1_000,
            tax_included: false,
            rounding: Rounding::default(),
            shipping: usd(1_000),
            minimum: usd(50),
        },
        payment_window: WINDOW,
        // Far beyond any pause of a test's machine: what answers 202 does so because its checkout stopped.
        answer_within: Duration::from_secs(60),
        checkouts_at_once: 1_000,
        checkout_patience: Duration::from_secs(60),
        rpc_timeout: Duration::from_secs(30),
        max_open_orders: 1_000,
        jobs_poll: Duration::from_secs(1),
        mail: MailSettings::folder(mails.to_owned()),
        tracking_links: TrackingLinks::default(),
    }
}

pub(super) fn fill(stock: &Stock) {
    let product = |name, sku, seller, minor, on_hand| Product {
        name,
        sku,
        seller,
        minor,
        on_hand,
        for_sale: true,
    };
    stock.put(MUG, product("Mug", "MUG-01", CARLA, 1_499, 100));
    stock.put(PEN, product("Pen", "PEN-01", CARLA, 5, 100));
    stock.put(LAMP, product("Lamp", "LAMP-01", DORA, 4_000, 3));
}
