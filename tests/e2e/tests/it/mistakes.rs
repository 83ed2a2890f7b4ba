//! Whoever makes a mistake is told at once what it is and how to mend it, and every other mistake with it.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use pg::server::{PrivateServer, ServerOptions};
use pg::testing::TestDb;
use souk_test_shop::{Api, Process, binary, eventually, free_ports};
use sqlx::Executor as _;

use crate::up::{Folder, souk};

const PATIENCE: Duration = Duration::from_secs(30);
/// Those with a database.
const SERVICES: [&str; 4] = [
    "user-service",
    "product-service",
    "order-service",
    "payment-service",
];

/// A migrated database of order-service.
async fn database() -> TestDb {
    let migrate = async |pool: &sqlx::PgPool| order_service::migrate(pool).await.expect("migrations");
    TestDb::create("shop-order", migrate).await
}

/// A server that asks for passwords, and the address of a user of it with a wrong one.
async fn asking(folder: &Folder) -> (PrivateServer, String) {
    let start = async || {
        let options = ServerOptions {
            fsync: false,
            ..ServerOptions::new(folder.0.join("asking"))
        };
        PrivateServer::start(options).await.expect("a server")
    };
    let server = start().await;
    server.ensure_database("shop", "shop").await.expect("a database");
    let rules = server.data_dir().join("cluster/pg_hba.conf");
    std::fs::write(rules, "local all souk trust\nlocal all all scram-sha-256\n").expect("written");
    server.stop().await.expect("stopped");
    let server = start().await;
    let url = server.url("shop", "shop").replacen("shop@", "shop:hunter2@", 1);
    (server, url)
}

/// A service that starts, and what it listens on.
fn start(service: &str, settings: &[(&str, &str)]) -> (Process, Api) {
    let port = free_ports(2);
    let mut command = Command::new(binary("souk"));
    command
        .args(["run", service])
        .envs(settings.iter().copied())
        .env("LISTEN_ADDR", format!("127.0.0.1:{port}"))
        .env("INTERNAL_ADDR", format!("127.0.0.1:{}", port + 1));
    let process = Process::start(service, &mut command);
    (process, Api::new(format!("http://127.0.0.1:{port}")))
}

/// What `/ready` says once somebody answers.
async fn ready(api: &Api) -> (u16, String) {
    eventually(PATIENCE, "the service answers", || async {
        let answer = api
            .try_send(http::Method::GET, "/ready", None, String::new())
            .await
            .ok()?;
        let reason = answer.at("/reason").as_str().unwrap_or_default().to_owned();
        Some((answer.status, reason))
    })
    .await
}

// OPS-3
#[test]
fn every_mistake_in_the_settings_is_told_at_once_with_its_reason() {
    let folder = Folder::new("settings");
    std::fs::create_dir_all(folder.0.join("folder")).expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.0.join(name);
        std::fs::write(&path, bytes).expect("written");
        path.display().to_string()
    };
    let (empty, garbled) = (file("empty", b"\n"), file("garbled", &[0xff, 0xfe]));
    let directory = folder.0.join("folder").display().to_string();
    let gone = folder.0.join("gone").display().to_string();
    let settings = [
        ("DATABASE_URL_FILE", gone.as_str()),
        ("CURSOR_SECRET_FILE", &directory),
        ("SERVICE_IDENTITY_SECRETS_FILE", &empty),
        ("MAIL_FROM_FILE", &garbled),
        ("SOUK_ENV", "prod"),
        ("LOG_FILTER", "warn,pg=loud"),
        ("LISTEN_ADDR", "everywhere"),
        ("DATABASE_MAX_CONNECTIONS", "0"),
        ("ROUNDING", "sideways"),
        ("CURRENCY", "GLD"),
        ("SHIPPING_FLAT", "5"),
        ("SHIPPING_FLAT_FILE", &gone),
        ("CHECKOUT_PATIENCE_SECONDS", "5"),
        ("MAIL_URL", "smtp://shop:hunter2@mail.example.com?tls=none"),
        ("TRACKING_LINKS", "UPS"),
        ("USER_SERVICE_RPC", "user-service"),
    ];
    let (ok, said) = souk(&["run", "order-service"], &settings);
    assert!(!ok, "{said}");
    for (name, reason) in [
        ("DATABASE_URL_FILE", "No such file"),
        ("CURSOR_SECRET_FILE", "Is a directory"),
        (
            "SERVICE_IDENTITY_SECRETS_FILE",
            "is empty: write the value into it",
        ),
        ("MAIL_FROM_FILE", "cannot read"),
        ("SOUK_ENV", "`prod` is none of development, test, production"),
        ("LOG_FILTER", "is no filter such as"),
        (
            "LISTEN_ADDR",
            "`everywhere` is no address to listen on, such as 0.0.0.0:3003",
        ),
        ("DATABASE_MAX_CONNECTIONS", "0 is not within 2 and 200"),
        ("ROUNDING", "`sideways` is not valid"),
        ("CURRENCY", ""),
        (
            "SHIPPING_FLAT",
            "is set, and SHIPPING_FLAT_FILE too; leave out one of them",
        ),
        (
            "CHECKOUT_PATIENCE_SECONDS",
            "5 in line are more than the 4 of CHECKOUT_ANSWER_SECONDS",
        ),
        ("MAIL_URL", "in the clear"),
        ("TRACKING_LINKS", "is not such as UPS=https"),
        ("USER_SERVICE_RPC", "`user-service` is not an address such as"),
    ] {
        let told = said.matches(&format!("- {name}: ")).count();
        assert!(told == 1 && said.contains(reason), "{name}, {reason}: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");

    // The whole shop says the same of them, before it makes anything.
    let data = folder.0.join("data");
    let (ok, said) = souk(&["up", "--data", &data.display().to_string()], &settings);
    assert!(
        !ok && said.contains("ROUNDING") && said.contains("MAIL_URL"),
        "{said}"
    );
    assert!(!data.exists());
}

// OPS-3
#[test]
fn every_port_that_is_taken_is_told_with_the_other_mistakes() {
    let taken = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let [one, other] = taken
        .each_ref()
        .map(|listener| listener.local_addr().expect("bound").to_string());
    let gateway = [
        ("LISTEN_ADDR", &*one),
        ("METRICS_ADDR", &*other),
        ("RATE_LIMIT", "maybe"),
    ];
    let service = [("LISTEN_ADDR", &*one), ("INTERNAL_ADDR", &*other)];
    for (name, settings, third) in [
        ("api-gateway", &gateway[..], "RATE_LIMIT"),
        ("payment-service", &service[..], "DATABASE_URL"),
    ] {
        let (ok, said) = souk(&["run", name], settings);
        let both = said.matches("choose another address").count() == 2;
        assert!(!ok && both && said.contains(third), "{name}: {said}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_told_by_its_reason_and_without_its_password() {
    let db = database().await;
    let unknown = db.url.replacen("souk@", "nobody:hunter2@", 1);
    let missing = pg::testing::url("nowhere").await;
    assert_ne!(unknown, db.url);
    let folder = Folder::new("asking");
    let (server, wrong) = asking(&folder).await;
    for (url, reason) in [
        (
            "postgres://shop:hunter2@127.0.0.1:1/orders",
            "no PostgreSQL answers at shop@127.0.0.1:1/orders",
        ),
        (
            "postgres:/shop:hunter2@/",
            "it looks like postgres://user:password@host",
        ),
        (&*unknown, "does not take the user or the password"),
        (
            &*wrong,
            "does not take the user or the password: mend them in the database's address",
        ),
        (&*missing, "has no database at"),
    ] {
        for service in SERVICES {
            let ports = [("LISTEN_ADDR", "127.0.0.1:0"), ("INTERNAL_ADDR", "127.0.0.1:0")];
            let (ok, said) = souk(
                &["run", service],
                &[&ports[..], &[("DATABASE_URL", url)]].concat(),
            );
            assert!(!ok && said.contains(reason), "{service} on {url}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        let (ok, said) = souk(
            &["migrate"],
            &[
                ("USER_DATABASE_URL", url),
                ("PRODUCT_DATABASE_URL", url),
                ("ORDER_DATABASE_URL", url),
                ("PAYMENT_DATABASE_URL", url),
            ],
        );
        assert!(
            !ok && said.contains(reason) && !said.contains("hunter2"),
            "{said}"
        );
    }
    server.stop().await.expect("stopped");
}

#[tokio::test]
async fn a_role_without_rights_is_told_what_it_lacks() {
    let db = database().await;
    let role = format!("limited_{}", std::process::id());
    db.pool
        .execute(sqlx::AssertSqlSafe(format!("create role {role} login")))
        .await
        .expect("a role");
    let url = db.url.replacen("souk@", &format!("{role}@"), 1);
    assert_ne!(url, db.url);
    let settings = [
        ("DATABASE_URL", &*url),
        ("LISTEN_ADDR", "127.0.0.1:0"),
        ("INTERNAL_ADDR", "127.0.0.1:0"),
    ];
    for service in SERVICES {
        let (ok, said) = souk(&["run", service], &settings);
        let reason = "the database does not let this user migrate it";
        let told = said.contains(reason) && said.contains("permission denied for");
        assert!(!ok && told, "{service}: {said}");
    }
    let (service, api) = start(
        "order-service",
        &[("DATABASE_URL", &url), ("MIGRATE_ON_START", "off")],
    );
    let (status, reason) = ready(&api).await;
    assert!(
        status == 503 && reason.contains("grant it the rights to read and write its tables"),
        "{status} {reason}"
    );
    service.stop();
    db.pool
        .execute(sqlx::AssertSqlSafe(format!("drop role {role}")))
        .await
        .expect("no role");
}

// OPS-4
#[tokio::test]
async fn a_schema_that_is_not_this_releases_is_told_by_what_is_wrong_with_it() {
    let db = database().await;
    let url = db.url.clone();
    let settings = [
        ("DATABASE_URL", &*url),
        ("LISTEN_ADDR", "127.0.0.1:0"),
        ("INTERNAL_ADDR", "127.0.0.1:0"),
    ];

    // Newer: the release before works on, and does not migrate.
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (9999, 'later', true, '\\x00', 0)";
    db.pool.execute(newer).await.expect("a later migration");
    let (ok, said) = souk(&["run", "order-service"], &settings);
    let reason = "has migration 9999 (history in _sqlx_migrations), which this program does not know";
    assert!(
        !ok && said.contains(reason) && said.contains("start that release or a later one"),
        "{said}"
    );
    let (service, api) = start(
        "order-service",
        &[("DATABASE_URL", &url), ("MIGRATE_ON_START", "off")],
    );
    assert_eq!(ready(&api).await.0, 200);
    service.stop();

    // Edited.
    db.pool
        .execute("delete from _sqlx_migrations where version = 9999")
        .await
        .expect("gone");
    db.pool
        .execute("update _sqlx_migrations set checksum = '\\x00' where version = 1")
        .await
        .expect("edited");
    let (ok, said) = souk(&["run", "order-service"], &settings);
    assert!(!ok && said.contains("migration 1 was edited after"), "{said}");
    assert!(said.contains("put the change into a new migration"), "{said}");

    // Older.
    let bare = TestDb::create("bare", async |_| {}).await;
    let (service, api) = start(
        "order-service",
        &[("DATABASE_URL", &bare.url), ("MIGRATE_ON_START", "off")],
    );
    let (status, reason) = ready(&api).await;
    assert!(
        status == 503 && reason.contains("run `souk migrate`"),
        "{status} {reason}"
    );
    service.stop();
}

#[test]
fn a_data_folder_that_cannot_be_used_is_told_by_its_reason() {
    let folder = Folder::new("newer");
    let dir = folder.0.display().to_string();
    let (ok, said) = souk(&["migrate", "--data", &dir], &[]);
    assert!(ok, "{said}");
    let version = folder.0.join("postgres/cluster/PG_VERSION");
    std::fs::write(&version, "99\n").expect("another version");
    for command in ["up", "migrate", "audit"] {
        let ports = free_ports(6).to_string();
        let arguments = [command, "--data", &dir, "--port", &ports];
        let arguments = if command == "up" {
            &arguments[..]
        } else {
            &arguments[..3]
        };
        let (ok, said) = souk(arguments, &[]);
        assert!(!ok && said.contains("was made by PostgreSQL 99"), "{said}");
        assert!(
            said.contains("install PostgreSQL 99") && said.contains("PG_BIN"),
            "{said}"
        );
    }
    let ports = free_ports(6).to_string();
    let (ok, said) = souk(&["up", "--data", "/proc/souk", "--port", &ports], &[]);
    assert!(
        !ok && said.contains("cannot use /proc/souk") && said.contains("check who owns it"),
        "{said}"
    );
}
