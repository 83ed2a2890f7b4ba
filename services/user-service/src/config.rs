//! Every setting of user-service, its default and its check.

use std::time::Duration;

use cache::RedisUrl;
use pg::PgSettings;
use runtime::{Secret, Settings};

use crate::NAME;
use crate::domain::{Lifetimes, PasswordRules};
use crate::hasher::{BCRYPT_MAX_BYTES, Hashing, Scheme};

/// What the service needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether demo accounts keep the service from starting.
    pub production: bool,
    /// Its database.
    pub database: PgSettings,
    /// Whether migrations run at the start.
    pub migrate_on_start: bool,
    /// What sign internal calls; the first signs, all verify.
    pub identity_secrets: Vec<Secret>,
    /// Where other services find that a session has ended; they ask here if nowhere.
    pub redis: Option<RedisUrl>,
    /// What seal signing keys and derive refresh tokens; the first is used, the others still open.
    pub key_secrets: Vec<Secret>,
    /// How long tokens and sessions live.
    pub lifetimes: Lifetimes,
    /// How long a signing key signs.
    pub key_rotation: time::Duration,
    /// Whether registering gives the role `seller`.
    pub open_seller_signup: bool,
    /// What new passwords must be.
    pub password_rules: PasswordRules,
    /// How passwords are hashed.
    pub hashing: Hashing,
}

impl Config {
    /// Reads all settings; mistakes stay in `settings` until its `finish`.
    pub fn read(settings: &mut Settings) -> Self {
        let production = settings.production();
        let url = settings.required("DATABASE_URL", "name user-service's Postgres database");
        let mut database = PgSettings::new(url, NAME);
        database.max_connections = settings.number("DATABASE_MAX_CONNECTIONS", 10, 2..=200);
        let hashing = hashing(settings, production);
        Self {
            production,
            database,
            migrate_on_start: settings.flag("MIGRATE_ON_START", !production),
            identity_secrets: settings.secrets(
                "SERVICE_IDENTITY_SECRETS",
                "souk-demo-service-identity-0123456789",
            ),
            redis: settings.optional_as("REDIS_URL", RedisUrl::parse),
            key_secrets: settings.secrets("KEY_ENCRYPTION_SECRET", "souk-demo-key-encryption-0123456789"),
            lifetimes: Lifetimes {
                access: span(settings.seconds("ACCESS_TOKEN_SECONDS", 900, 60..=900)),
                idle: span(settings.seconds("REFRESH_IDLE_SECONDS", 604_800, 900..=7_776_000)),
                absolute: span(settings.seconds("SESSION_SECONDS", 2_592_000, 900..=31_536_000)),
                grace: span(settings.seconds("REFRESH_GRACE_SECONDS", 10, 0..=60)),
            },
            key_rotation: time::Duration::days(settings.number("KEY_ROTATION_DAYS", 90, 1..=3_650)),
            open_seller_signup: settings.flag("OPEN_SELLER_SIGNUP", true),
            password_rules: password_rules(settings, hashing.scheme),
            hashing,
        }
    }
}

fn password_rules(settings: &mut Settings, scheme: Scheme) -> PasswordRules {
    let min = settings.number("PASSWORD_MIN_LENGTH", 8, 8..=64);
    let more = match settings
        .optional("PASSWORD_DENY_LIST")
        .map(std::fs::read_to_string)
    {
        None => String::new(),
        Some(Ok(text)) => text,
        Some(Err(why)) => {
            settings.refuse("PASSWORD_DENY_LIST", format!("cannot be read: {why}"));
            String::new()
        }
    };
    let max_bytes = match scheme {
        Scheme::Argon2id { .. } => None,
        Scheme::Bcrypt { .. } => Some(BCRYPT_MAX_BYTES),
    };
    PasswordRules::new(min, max_bytes, &more)
}

fn hashing(settings: &mut Settings, production: bool) -> Hashing {
    // Outside production a test may hash fast.
    let (memory_floor, cost_floor) = if production { (7_168, 10) } else { (8, 4) };
    let argon2id = Scheme::Argon2id {
        memory_kib: settings.number("ARGON2_MEMORY_KIB", 19_456, memory_floor..=1_048_576),
        iterations: settings.number("ARGON2_ITERATIONS", 2, 1..=16),
        lanes: settings.number("ARGON2_PARALLELISM", 1, 1..=16),
    };
    let bcrypt = Scheme::Bcrypt {
        cost: settings.number("BCRYPT_COST", 12, cost_floor..=16),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Hashing {
        scheme: match settings
            .choice("PASSWORD_SCHEME", &["argon2id", "bcrypt"], "argon2id")
            .as_str()
        {
            "bcrypt" => bcrypt,
            _ => argon2id,
        },
        parallelism: settings.number("HASH_PARALLELISM", cores, 1..=256),
        queue: settings.number("HASH_QUEUE", 100, 0..=10_000),
    }
}

fn span(of: Duration) -> time::Duration {
    time::Duration::try_from(of).unwrap_or(time::Duration::MAX)
}
