//! What the gateway reads at its start.

use api_gateway::{Config, Neighbours, Origins};
use runtime::Settings;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Settings::of(
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        None,
    )
}

// OPS-3
#[test]
fn every_mistake_is_told_at_once() {
    let mut s = settings(&[
        ("CORS_ORIGINS", "shop.example"),
        ("TRUSTED_HOPS", "many"),
        ("RATE_LIMIT", "perhaps"),
        ("RATE_LIMIT_AUTH_PER_MINUTE", "0"),
        ("UPSTREAM_TIMEOUT_SECONDS", "never"),
        ("ORDER_SERVICE_URL", "order"),
    ]);
    Config::read(&mut s);
    Neighbours::remote(&mut s);
    assert_eq!(s.finish().unwrap_err().0.len(), 6);
}

// OPS-3
#[test]
fn production_has_its_own_secrets_and_no_origins_unless_it_names_them() {
    let mut s = settings(&[("SOUK_ENV", "production")]);
    let config = Config::read(&mut s);
    assert!(
        s.finish()
            .unwrap_err()
            .to_string()
            .contains("SERVICE_IDENTITY_SECRETS")
    );
    assert_eq!(config.origins, Origins::None);
    assert!(config.strict_transport && config.rates.on);

    let config = Config::read(&mut settings(&[]));
    assert!(matches!(config.origins, Origins::Only(list) if list.len() == 2));
    assert!(!config.strict_transport);
}
