//! Signing in.

use futures::future::join_all;
use serde_json::json;
use sqlx::Row as _;

use crate::harness::{PASSWORD, Users};

// AUT-5, AUT-6
#[tokio::test]
async fn signing_in_gives_two_tokens_and_the_account() {
    let users = Users::start().await;
    let signed_in = users.joins("ada@example.com").await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert_eq!(signed_in.body["tokenType"], "Bearer");
    assert_eq!(signed_in.body["expiresIn"], 900);
    assert_eq!(signed_in.body["user"]["email"], "ada@example.com");
    assert_eq!(signed_in.header("cache-control"), "no-store");
    let profile = users.get("/users/profile", &signed_in.text("accessToken")).await;
    assert_eq!(profile.body, signed_in.body["user"]);
}

// AUT-6
#[tokio::test]
async fn the_database_holds_no_token_and_no_whole_address_of_the_network() {
    let users = Users::start().await;
    users.register("ada@example.com").await;
    let request = http::Request::post("/auth/login")
        .header("content-type", "application/json")
        .header("user-agent", "a browser")
        .header("x-forwarded-for", "203.0.113.77")
        .body(
            json!({"email": "ada@example.com", "password": PASSWORD})
                .to_string()
                .into(),
        )
        .unwrap();
    let token = users.send(request).await.text("refreshToken");
    let row = sqlx::query("select s::text || t::text as all_text, ip_prefix, user_agent from sessions s join refresh_tokens t on t.session_id = s.id")
        .fetch_one(&users.db.pool)
        .await
        .unwrap();
    assert!(!row.get::<String, _>("all_text").contains(&token));
    assert_eq!(row.get::<String, _>("ip_prefix"), "203.0.113.0/24");
    assert_eq!(row.get::<String, _>("user_agent"), "a browser");
}

// AUT-11
#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_one_answer() {
    let users = Users::start().await;
    users.register("ada@example.com").await;
    let mut wrong = users.login("ada@example.com", "not the phrase").await;
    wrong.body["requestId"].take();
    for (email, password) in [
        ("nobody@example.com", PASSWORD),
        ("no address at all", PASSWORD),
        ("ada@example.com", ""),
        ("ada@example.com", &"x".repeat(100_000)),
    ] {
        let mut refused = users.login(email, password).await;
        refused.body["requestId"].take();
        assert_eq!(
            (refused.status, &refused.body),
            (wrong.status, &wrong.body),
            "{email}"
        );
    }
    assert_eq!(
        (wrong.status.as_u16(), wrong.code()),
        (401, "invalid-credentials")
    );
    assert_eq!(wrong.header("www-authenticate"), "Bearer");
    assert_eq!(users.count("sessions").await, 0);
}

// AUT-11
#[tokio::test]
async fn an_unknown_address_takes_a_place_among_those_who_hash() {
    let users = Users::with(&[("HASH_PARALLELISM", "1"), ("HASH_QUEUE", "0")]).await;
    let answers = join_all((0..8).map(|n| {
        let users = &users;
        async move { users.login(&format!("nobody{n}@example.com"), PASSWORD).await }
    }))
    .await;
    assert!(
        answers.iter().any(|a| a.status == 401),
        "those who came first are told"
    );
    for busy in answers.iter().filter(|a| a.status != 401) {
        assert_eq!(
            (busy.status.as_u16(), busy.code()),
            (503, "busy"),
            "the dummy's hash is work too"
        );
    }
}

// AUT-4
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_sign_ins_at_once_are_served_or_told_to_come_again() {
    let settings = [
        ("HASH_PARALLELISM", "2"),
        ("HASH_QUEUE", "20"),
        ("ARGON2_MEMORY_KIB", "4096"),
    ];
    let users = Users::with(&settings).await;
    users.register("ada@example.com").await;
    let answers = join_all((0..200).map(|_| users.login("ada@example.com", PASSWORD))).await;
    let served = answers.iter().filter(|a| a.status == 200).count();
    let busy: Vec<_> = answers.iter().filter(|a| a.status == 503).collect();
    assert_eq!(served + busy.len(), 200);
    assert!(served >= 2, "{served}");
    assert!(
        busy.iter()
            .all(|a| a.code() == "busy" && a.header("retry-after") == "1")
    );
    assert_eq!(
        users.login("ada@example.com", PASSWORD).await.status,
        200,
        "and it is over"
    );
}

async fn stored_hash(users: &Users) -> String {
    sqlx::query_scalar("select password_hash from users")
        .fetch_one(&users.db.pool)
        .await
        .unwrap()
}

// AUT-4
#[tokio::test]
async fn an_imported_bcrypt_hash_verifies_and_is_made_anew_at_the_sign_in() {
    let users = Users::start().await;
    users.register("ada@example.com").await;
    let imported = bcrypt::hash(PASSWORD, 4).unwrap();
    sqlx::query("update users set password_hash = $1")
        .bind(&imported)
        .execute(&users.db.pool)
        .await
        .unwrap();
    assert_eq!(users.login("ada@example.com", "another").await.status, 401);
    assert_eq!(
        stored_hash(&users).await,
        imported,
        "a wrong password changes nothing"
    );
    assert_eq!(users.login("ada@example.com", PASSWORD).await.status, 200);
    let hash = stored_hash(&users).await;
    assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
    assert_eq!(users.login("ada@example.com", PASSWORD).await.status, 200);
    assert_eq!(stored_hash(&users).await, hash, "once is enough");
}

// AUT-4
#[tokio::test]
async fn bcrypt_by_setting_takes_over_at_the_next_sign_in() {
    let users = Users::start().await;
    users.register("ada@example.com").await;
    let settings = [("PASSWORD_SCHEME", "bcrypt"), ("BCRYPT_COST", "4")];
    let users = users.restart(&settings).await.unwrap();
    assert_eq!(users.login("ada@example.com", PASSWORD).await.status, 200);
    assert!(stored_hash(&users).await.starts_with("$2b$04$"));
    assert_eq!(users.login("ada@example.com", PASSWORD).await.status, 200);
    let body = json!({"email": "eve@example.com", "password": "é".repeat(40)});
    assert_eq!(
        users.post("/auth/register", body).await.pointers(),
        ["/password"],
        "80 bytes are not cut to 72"
    );
}

// AUT-4
#[tokio::test]
async fn a_hash_that_nobody_can_read_opens_nothing() {
    let users = Users::start().await;
    users.register("ada@example.com").await;
    for garbage in [
        "",
        "plain",
        "$argon2id$",
        "$2b$xx$",
        "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
    ] {
        sqlx::query("update users set password_hash = $1")
            .bind(garbage)
            .execute(&users.db.pool)
            .await
            .unwrap();
        assert_eq!(
            users.login("ada@example.com", PASSWORD).await.status,
            401,
            "{garbage}"
        );
    }
}
