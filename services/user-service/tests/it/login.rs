//! Signing in.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::json;
use sqlx::Row as _;
use tokio::time::timeout;

use crate::harness::{Answer, PASSWORD, Users};

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

/// Runs a test that may [`crowd`]: one hash at a time gets a thread.
fn with_one_thread_to_hash(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().max_blocking_threads(1);
    runtime.build().unwrap().block_on(test);
}

/// Signs in so many times at once, while no hash is done before all but `room` are answered: those answers, and then the
/// others.
async fn crowd(users: &Users, email: &str, times: usize, room: usize) -> [Vec<Answer>; 2] {
    let (release, held) = std::sync::mpsc::channel::<()>();
    drop(tokio::task::spawn_blocking(move || held.recv()));
    let mut answers: FuturesUnordered<_> = (0..times).map(|_| users.login(email, PASSWORD)).collect();
    let first = answers.by_ref().take(times - room).collect();
    // One that waited without room would wait for ever.
    let first = timeout(Duration::from_secs(60), first).await.unwrap();
    drop(release);
    [first, answers.collect().await]
}

// AUT-11
#[test]
fn an_unknown_address_takes_a_place_among_those_who_hash() {
    with_one_thread_to_hash(async {
        let users = Users::with(&[("HASH_PARALLELISM", "1"), ("HASH_QUEUE", "0")]).await;
        let [busy, told] = crowd(&users, "nobody@example.com", 8, 1).await;
        assert_eq!(told[0].status, 401, "who came first is told");
        for busy in busy {
            assert_eq!(
                (busy.status.as_u16(), busy.code()),
                (503, "busy"),
                "the dummy's hash is work too"
            );
        }
    });
}

// AUT-4
#[test]
fn two_hundred_sign_ins_at_once_are_served_or_told_to_come_again() {
    with_one_thread_to_hash(async {
        let users = Users::with(&[("HASH_PARALLELISM", "2"), ("HASH_QUEUE", "20")]).await;
        users.register("ada@example.com").await;
        let [busy, served] = crowd(&users, "ada@example.com", 200, 22).await;
        for answer in busy {
            assert_eq!((answer.status.as_u16(), answer.code()), (503, "busy"));
            assert_eq!(answer.header("retry-after"), "1");
        }
        for answer in served {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        let after = users.login("ada@example.com", PASSWORD).await;
        assert_eq!(after.status, 200, "and it is over");
    });
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
