//! `souk up` as a person runs it.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use souk_test_shop::{Api, Person, SoukUp, binary, eventually, free_ports};

/// A folder that is gone with this value.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("souk-{name}-{}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// What `souk` says when it is called like this, and whether it succeeds.
pub fn souk(arguments: &[&str], settings: &[(&str, &str)]) -> (bool, String) {
    let output = Command::new(binary("souk"))
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .envs(settings.iter().copied())
        .output()
        .expect("souk runs");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Waits until each product of the demo has a picture that is served, and returns them.
async fn illustrated(up: &SoukUp) -> Vec<String> {
    // Past the gateway and its limits: this asks without a pause, for the one that is drawn last.
    let catalogue = Api::new(format!("http://127.0.0.1:{}", up.base + 2));
    let drawn = || async {
        let last = catalogue.get("/products?limit=1").await.expect(200);
        last.at("/products/0/imageUrl").is_string().then_some(())
    };
    eventually(Duration::from_secs(300), "the last product has a picture", drawn).await;
    let list = catalogue.get("/products?limit=100").await.expect(200);
    let picture = |product: &Value| product["imageUrl"].as_str().expect("a picture").to_owned();
    let all: Vec<_> = list
        .at("/products")
        .as_array()
        .expect("products")
        .iter()
        .map(picture)
        .collect();
    let shop = Api::new(up.gateway());
    for picture in all.iter().step_by(7) {
        let served = shop.get(picture).await.expect(200);
        assert_eq!(served.header("content-type"), "image/jpeg");
    }
    all
}

// IMG-2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_is_started_again_has_everything_it_had() {
    let folder = Folder::new("again");
    let base = free_ports(6);
    let up = SoukUp::start(&folder.0, base, &[]);
    let api = Api::new(up.gateway());
    for who in ["customer", "seller", "admin"] {
        drop(Person::sign_in(&api, &format!("{who}@demo.souk"), "souk-demo-2026").await);
    }
    let products = api.get("/api/products?limit=1").await.expect(200);
    assert!(products.at("/pagination/total").as_i64().unwrap_or_default() >= 60);
    assert_eq!(
        api.get("/api/categories").await.json().as_array().map(Vec::len),
        Some(10)
    );
    let drawn = illustrated(&up).await;
    let customer = Person::sign_in(&api, "customer@demo.souk", "souk-demo-2026").await;
    let product = products.at("/products/0/id").as_i64().unwrap_or_default();
    let order = customer.orders(&[(product, 1)]).await.expect(201);

    let (ok, said) = souk(
        &[
            "up",
            "--data",
            &folder.0.display().to_string(),
            "--port",
            &free_ports(6).to_string(),
        ],
        &[],
    );
    assert!(!ok && said.contains("another process uses"), "{said}");
    let (ok, said) = souk(&["up", "--data", "elsewhere", "--port", &base.to_string()], &[]);
    assert!(
        !ok && said.matches("cannot listen on").count() == 6,
        "every taken port is told: {said}"
    );

    up.process.stop();
    let up = SoukUp::start(&folder.0, base, &[]);
    let seen = customer
        .api
        .get(&format!("/api/orders/{}", order.at("/id")))
        .await
        .expect(200);
    assert_eq!(seen.at("/orderNumber"), order.at("/orderNumber"));
    assert_eq!(illustrated(&up).await, drawn, "each picture is still there");
    // Another admin, while it runs.
    let child = Command::new(binary("souk"))
        .args(["admin", "--email", "second@admin.example", "--data"])
        .arg(&folder.0)
        .stdin(std::process::Stdio::piped())
        .spawn();
    let mut child = child.expect("souk runs");
    std::io::Write::write_all(
        &mut child.stdin.take().expect("its input"),
        b"a good long password\n",
    )
    .expect("read");
    assert!(child.wait().expect("it ends").success());
    let second = Person::sign_in(&api, "second@admin.example", "a good long password").await;
    drop(second.api.get("/api/orders?as=admin").await.expect(200));

    up.process.stop();
    let up = SoukUp::start(&folder.0, base, &["--reset", "--no-demo"]);
    let login = json!({"email": "customer@demo.souk", "password": "souk-demo-2026"});
    drop(api.post("/api/auth/login", &login).await.expect(401));
    assert_eq!(api.get("/api/products").await.at("/pagination/total"), 0);
    up.process.stop();
}

// AUT-2, OPS-3
#[test]
fn production_refuses_the_demo_and_tells_every_mistake_at_once() {
    let production = ("SOUK_ENV", "production");
    let (ok, said) = souk(
        &["up", "--data", "nowhere", "--port", &free_ports(6).to_string()],
        &[production],
    );
    assert!(!ok && said.contains("--no-demo"), "{said}");
    let settings = [
        production,
        ("SERVICE_IDENTITY_SECRETS", "short"),
        ("STRIPE_SECRET_KEY", "sk_test_souk_sandbox"),
        ("STRIPE_WEBHOOK_SECRETS", ""),
        ("DATABASE_MAX_CONNECTIONS", "many"),
    ];
    for service in [
        "user-service",
        "product-service",
        "order-service",
        "payment-service",
    ] {
        let (ok, said) = souk(&["run", service], &settings);
        assert!(!ok, "{service} started");
        for name in [
            "DATABASE_URL",
            "DATABASE_MAX_CONNECTIONS",
            "SERVICE_IDENTITY_SECRETS",
        ] {
            assert!(
                said.contains(name),
                "{service} does not complain of {name}: {said}"
            );
        }
        assert!(
            !said.contains("sk_test_souk_sandbox"),
            "no secret in a log: {said}"
        );
    }
    let (_, said) = souk(&["run", "payment-service"], &settings);
    assert!(said.contains("STRIPE_SECRET_KEY"), "{said}");
    let (ok, said) = souk(&["migrate"], &[]);
    assert!(
        !ok && said.contains("USER_DATABASE_URL") && said.contains("PAYMENT_DATABASE_URL"),
        "{said}"
    );
}

#[test]
fn an_embedded_shops_databases_are_migrated_by_hand_and_no_role_reaches_anothers() {
    let folder = Folder::new("migrate");
    let dir = folder.0.display().to_string();
    let (ok, said) = souk(&["migrate", "--data", &dir], &[]);
    assert!(ok, "{said}");
    let (ok, said) = souk(&["migrate", "--data", &dir], &[]);
    assert!(ok, "a second time does nothing: {said}");
    let (ok, said) = souk(&["admin", "--email", "a@b.example", "--data", &dir], &[]);
    assert!(!ok && said.contains("souk up"), "{said}");
}

// OPS-5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_services_role_cannot_read_another_services_database() {
    let folder = Folder::new("roles");
    let up = SoukUp::start(&folder.0, free_ports(6), &["--no-demo"]);
    let postgres = folder.0.join("postgres");
    let url = |database: &str, role: &str| {
        pg::server::running_url(&postgres, database, role).expect("a running server")
    };
    for role in [
        "user_service",
        "product_service",
        "order_service",
        "payment_service",
    ] {
        for database in [
            "user_service",
            "product_service",
            "order_service",
            "payment_service",
        ] {
            let connected = <sqlx::PgConnection as sqlx::Connection>::connect(&url(database, role)).await;
            assert_eq!(connected.is_ok(), role == database, "{role} on {database}");
        }
    }
    up.process.stop();
}
