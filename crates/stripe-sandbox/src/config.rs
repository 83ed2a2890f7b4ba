//! Settings.

use std::path::PathBuf;

use http::Uri;
use runtime::{Secret, Settings};

const DEMO_KEY: &str = "sk_test_souk_sandbox";
const DEMO_WEBHOOK_SECRET: &str = "whsec_souk-demo-0123456789abcdef0123";

/// The types of events that an endpoint is told, as one chooses them at Stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnabledEvents {
    /// Every type.
    All,
    /// These.
    Only(Vec<String>),
}

/// Every setting of the sandbox.
#[derive(Clone, Debug)]
pub struct Config {
    /// The one secret key it takes (`SANDBOX_KEY`).
    pub api_key: Secret,
    /// Where webhooks go, over plain HTTP (`SANDBOX_WEBHOOK_URL`); without it none are kept.
    pub webhook_url: Option<Uri>,
    /// Which types of events go there (`SANDBOX_WEBHOOK_EVENTS`, by commas; `*` is all of them). The others are only listed.
    pub webhook_events: EnabledEvents,
    /// What webhooks are signed with (`SANDBOX_WEBHOOK_SECRET`).
    pub webhook_secret: Secret,
    /// The journal (`SANDBOX_DATA_FILE`); without it everything is forgotten at the end.
    pub data_file: Option<PathBuf>,
    /// Where what is asked and answered is written down (`SANDBOX_RECORD_FILE`); without it, nowhere.
    pub record_file: Option<PathBuf>,
}

impl Default for Config {
    /// The demo's keys, no webhooks, nothing on disk.
    fn default() -> Self {
        Self {
            api_key: Secret::new(DEMO_KEY),
            webhook_url: None,
            webhook_events: EnabledEvents::All,
            webhook_secret: Secret::new(DEMO_WEBHOOK_SECRET),
            data_file: None,
            record_file: None,
        }
    }
}

impl Config {
    /// Reads and checks every setting.
    pub fn read(settings: &mut Settings) -> Self {
        Self {
            api_key: settings.secret("SANDBOX_KEY", DEMO_KEY),
            webhook_url: webhook_url(settings),
            webhook_events: webhook_events(settings),
            webhook_secret: settings.secret("SANDBOX_WEBHOOK_SECRET", DEMO_WEBHOOK_SECRET),
            data_file: settings.optional("SANDBOX_DATA_FILE").map(PathBuf::from),
            record_file: settings.optional("SANDBOX_RECORD_FILE").map(PathBuf::from),
        }
    }

    /// Whether an event of this type is to be delivered.
    pub(crate) fn tells(&self, kind: &str) -> bool {
        let enabled = match &self.webhook_events {
            EnabledEvents::All => true,
            EnabledEvents::Only(kinds) => kinds.iter().any(|enabled| enabled == kind),
        };
        enabled && self.webhook_url.is_some()
    }
}

fn webhook_url(settings: &mut Settings) -> Option<Uri> {
    const NAME: &str = "SANDBOX_WEBHOOK_URL";
    settings.optional(NAME)?;
    let uri = settings.uri(NAME, "http://127.0.0.1:8080/api/payments/webhook");
    if uri.scheme_str() == Some("https") {
        settings.refuse(
            NAME,
            "is https; the sandbox delivers over plain http, to this machine",
        );
    }
    Some(uri)
}

fn webhook_events(settings: &mut Settings) -> EnabledEvents {
    const NAME: &str = "SANDBOX_WEBHOOK_EVENTS";
    let text = settings.text(NAME, "*");
    if text.trim() == "*" {
        return EnabledEvents::All;
    }
    let kinds: Vec<String> = text.split(',').map(|kind| kind.trim().to_owned()).collect();
    let is_type = |kind: &String| {
        kind.contains('.')
            && kind
                .bytes()
                .all(|b| b.is_ascii_lowercase() || matches!(b, b'.' | b'_'))
    };
    for kind in kinds.iter().filter(|kind| !is_type(kind)) {
        settings.refuse(
            NAME,
            format!("`{kind}` is no type of event; list types such as payment_intent.succeeded by commas, or write *"),
        );
    }
    EnabledEvents::Only(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(events: &str) -> (Config, Settings) {
        let url = ("SANDBOX_WEBHOOK_URL", "http://127.0.0.1:8080/hook");
        let values = [url, ("SANDBOX_WEBHOOK_EVENTS", events)];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut settings = Settings::of(values, None);
        (Config::read(&mut settings), settings)
    }

    #[test]
    fn an_endpoint_is_told_all_types_of_events_or_those_that_it_names() {
        for (events, told) in [
            ("*", &["charge.refunded", "charge.succeeded"][..]),
            ("", &["charge.refunded", "charge.succeeded"]),
            ("refund.updated, charge.refunded", &["charge.refunded"]),
        ] {
            let (config, mut settings) = read(events);
            settings.finish().unwrap();
            for kind in ["charge.refunded", "charge.succeeded"] {
                assert_eq!(config.tells(kind), told.contains(&kind), "{kind} of {events:?}");
            }
        }
        assert!(
            !Config::default().tells("charge.refunded"),
            "there is no endpoint"
        );
    }

    #[test]
    fn what_is_no_type_of_event_is_refused_by_its_name() {
        for (events, mistakes) in [
            ("charge.*", &["charge.*"][..]),
            ("charge.refunded,", &[""]),
            ("charge,Refund.updated,*", &["charge", "Refund.updated", "*"]),
        ] {
            let (_, mut settings) = read(events);
            let errors = settings.finish().unwrap_err().to_string();
            for mistake in mistakes {
                let named = format!("SANDBOX_WEBHOOK_EVENTS: `{mistake}` is no type of event");
                assert!(errors.contains(&named), "{errors}");
            }
        }
    }
}
