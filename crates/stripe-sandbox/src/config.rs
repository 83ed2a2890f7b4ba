//! Settings.

use std::path::PathBuf;

use http::Uri;
use runtime::{Secret, Settings};

const DEMO_KEY: &str = "sk_test_souk_sandbox";
const DEMO_WEBHOOK_SECRET: &str = "whsec_souk-demo-0123456789abcdef0123";

/// Every setting of the sandbox.
#[derive(Clone, Debug)]
pub struct Config {
    /// The one secret key it takes (`SANDBOX_KEY`).
    pub api_key: Secret,
    /// Where webhooks go, over plain HTTP (`SANDBOX_WEBHOOK_URL`); without it none are kept.
    pub webhook_url: Option<Uri>,
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
            webhook_secret: settings.secret("SANDBOX_WEBHOOK_SECRET", DEMO_WEBHOOK_SECRET),
            data_file: settings.optional("SANDBOX_DATA_FILE").map(PathBuf::from),
            record_file: settings.optional("SANDBOX_RECORD_FILE").map(PathBuf::from),
        }
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
