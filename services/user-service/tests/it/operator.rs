//! What is done from the command line.

use std::sync::Arc;

use runtime::{Settings, Shared, TestClock};
use time::macros::datetime;
use types::{Clock, Role};
use user_service::Config;
use user_service::operator::{create_admin, ensure_account};

use crate::harness::{PASSWORD, Users, database, settings, user_id};

// AUT-1, AUT-2
#[tokio::test]
async fn there_is_no_admin_until_an_operator_makes_one() {
    let users = Users::start().await;
    assert_eq!(users.count("users").await, 0);
    let clock: &dyn Clock = users.clock.as_ref();
    let id = create_admin(&users.db.pool, clock, "Root@Example.com", PASSWORD)
        .await
        .unwrap();
    let signed_in = users.login("root@example.com", PASSWORD).await;
    assert_eq!(
        (user_id(&signed_in), &signed_in.body["user"]["role"]),
        (id, &"admin".into())
    );
    for (email, password) in [
        ("nobody", PASSWORD),
        ("a@example.com", "short"),
        ("a@example.com", "password1"),
    ] {
        assert!(
            create_admin(&users.db.pool, clock, email, password)
                .await
                .is_err()
        );
    }
}

// AUT-8
#[tokio::test]
async fn an_account_that_becomes_the_operators_admin_is_no_longer_its_squatters() {
    let users = Users::start().await;
    let squatter = users.joins("root@example.com").await;
    let clock: &dyn Clock = users.clock.as_ref();
    let id = create_admin(&users.db.pool, clock, "root@example.com", "the operator's phrase")
        .await
        .unwrap();
    assert_eq!(id, user_id(&squatter));
    assert_eq!(users.refresh(&squatter.text("refreshToken")).await.status, 401);
    assert_eq!(users.login("root@example.com", PASSWORD).await.status, 401);
    assert_eq!(
        users
            .login("root@example.com", "the operator's phrase")
            .await
            .body["user"]["role"],
        "admin"
    );
}

#[tokio::test]
async fn an_account_that_is_there_is_left_as_it_is() {
    let users = Users::start().await;
    let ada = users.joins("ada@example.com").await;
    let clock: &dyn Clock = users.clock.as_ref();
    let ensure =
        |email, password| ensure_account(&users.db.pool, clock, email, password, "A", "", Role::Admin);
    assert_eq!(
        ensure("ADA@example.com", "quite another phrase").await.unwrap(),
        user_id(&ada)
    );
    assert_eq!(
        users.login("ada@example.com", PASSWORD).await.body["user"],
        ada.body["user"]
    );
    let (one, two) = futures::join!(
        ensure("new@example.com", PASSWORD),
        ensure("new@example.com", PASSWORD)
    );
    assert_eq!(one.unwrap(), two.unwrap(), "two at once make one");
}

const SECRETS: [(&str, &str); 3] = [
    ("SOUK_ENV", "production"),
    ("SERVICE_IDENTITY_SECRETS", "3b1f7c2a9d8e4f5061728394a5b6c7d8"),
    ("KEY_ENCRYPTION_SECRET", "c7d83b1f7c2a9d8e4f5061728394a5b6"),
];

// AUT-2
#[tokio::test]
async fn production_refuses_demo_accounts_and_known_or_short_secrets() {
    let db = database().await;
    let fast = [("ARGON2_MEMORY_KIB", "7168")];
    let production: Vec<_> = SECRETS.into_iter().chain(fast).collect();
    for (name, value) in [
        ("KEY_ENCRYPTION_SECRET", "short"),
        ("SERVICE_IDENTITY_SECRETS", ""),
    ] {
        let mut weak = settings(&db, &production).with(name, value);
        Config::read(&mut weak);
        assert!(weak.finish().unwrap_err().to_string().contains(name));
    }
    let mut demo = Settings::of([("SOUK_ENV".to_owned(), "production".to_owned())], None);
    Config::read(&mut demo);
    let said = demo.finish().unwrap_err().to_string();
    for name in [
        "DATABASE_URL",
        "KEY_ENCRYPTION_SECRET",
        "SERVICE_IDENTITY_SECRETS",
    ] {
        assert!(said.contains(name), "all at once: {said}");
    }

    let clock = Arc::new(TestClock::at(datetime!(2030-01-01 12:00 UTC)));
    let users = Users::on(db, clock, &production).await.unwrap();
    let now: &dyn Clock = users.clock.as_ref();
    let pool = &users.db.pool;
    ensure_account(
        pool,
        now,
        "admin@demo.souk",
        "souk-demo-2026",
        "Ada",
        "Admin",
        Role::Admin,
    )
    .await
    .unwrap();
    users.login("admin@demo.souk", "souk-demo-2026").await;
    let again = || {
        let mut settings = settings(&users.db, &production);
        let shared = Shared::new(Arc::<TestClock>::clone(&users.clock));
        user_service::build(Config::read(&mut settings), shared)
    };
    let refused = again().await.err().unwrap().to_string();
    assert!(refused.contains("@demo.souk"), "{refused}");
    let (_, remedy) = refused.split_once("in production: ").unwrap();
    sqlx::query(sqlx::AssertSqlSafe(remedy.to_owned()))
        .execute(pool)
        .await
        .unwrap();
    assert!(again().await.is_ok(), "what the sentence says to do helps");
}

// OPS-3
#[tokio::test]
async fn ready_means_migrated() {
    let db = pg::testing::TestDb::create("user-empty", async |_| {}).await;
    let clock = Arc::new(TestClock::at(datetime!(2030-01-01 12:00 UTC)));
    let users = Users::on(db, clock, &[("MIGRATE_ON_START", "off")])
        .await
        .unwrap();
    assert_eq!(users.get("/ready", "").await.status, 503);
    assert_eq!(users.get("/live", "").await.status, 200);
    user_service::migrate(&users.db.pool).await.unwrap();
    assert_eq!(users.get("/ready", "").await.status, 200);
    assert_eq!(
        users.joins("ada@example.com").await.status,
        200,
        "and it works without a restart"
    );
}
