//! What other services find in Redis of sessions, and what they do where they find nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use cache::testing::RedisServer;
use cache::{RedisUrl, redis};
use runtime::{Shared, SystemClock};
use serde_json::{Value, json};
use souk_http::{SessionCheck, SessionCopy, sessions_at};

use crate::harness::{Answer, PASSWORD, Users, user_id};

/// Another service's way to know of sessions.
struct Other {
    check: SessionCheck,
    asked: Arc<AtomicUsize>,
}

impl Other {
    async fn of(users: &Users, server: &RedisServer) -> Self {
        let (truth, asked) = (sessions_at(users.rpc()), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&asked);
        let ask: SessionCheck = Arc::new(move |session| {
            counted.fetch_add(1, Ordering::SeqCst);
            truth(session)
        });
        let shared = Shared::new(Arc::new(SystemClock));
        let url = RedisUrl::parse(&server.url()).unwrap();
        let copy = SessionCopy::open(&url, "order-service", &shared).await;
        Self {
            check: copy.before(ask),
            asked,
        }
    }

    /// Whether the session of these tokens stands, and whether user-service was asked for it.
    async fn stands(&self, tokens: &Answer) -> (bool, bool) {
        let before = self.asked.load(Ordering::SeqCst);
        let stands = (self.check)(session(tokens)).await.unwrap();
        (stands, self.asked.load(Ordering::SeqCst) > before)
    }
}

fn session(tokens: &Answer) -> String {
    let token = tokens.text("accessToken");
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["sid"].as_str().unwrap().to_owned()
}

async fn start() -> (RedisServer, Users, Other) {
    let server = RedisServer::start();
    let users = Users::with(&[("REDIS_URL", &server.url())]).await;
    let other = Other::of(&users, &server).await;
    (server, users, other)
}

// AUT-8
#[tokio::test]
async fn however_a_session_ends_other_services_find_that_without_asking() {
    let (_server, users, other) = start().await;
    let first = users.joins("ada@example.com").await;
    let token = first.text("accessToken");
    let out = users.login("ada@example.com", PASSWORD).await;
    assert_eq!(other.stands(&out).await, (true, true));
    assert_eq!(other.stands(&out).await, (true, false), "asked once");

    let body = json!({"refreshToken": out.text("refreshToken")});
    assert_eq!(users.post("/auth/logout", body).await.status, 200);
    assert_eq!(other.stands(&out).await, (false, false), "signed out");

    let second = users.login("ada@example.com", PASSWORD).await;
    let change = json!({"currentPassword": PASSWORD, "newPassword": "another uncommon phrase"});
    assert_eq!(users.put("/users/password", &token, change).await.status, 200);
    assert_eq!(
        other.stands(&second).await,
        (false, false),
        "the password was changed"
    );
    assert_eq!(other.stands(&first).await, (true, true), "by this one");

    let path = format!("/users/{}/role", user_id(&first));
    let admin = users.admin().await.text("accessToken");
    assert_eq!(
        users.put(&path, &admin, json!({"role": "seller"})).await.status,
        200
    );
    assert_eq!(other.stands(&first).await, (false, false), "the role was changed");

    let third = users.login("ada@example.com", "another uncommon phrase").await;
    let token = third.text("accessToken");
    let everywhere = users.call(http::Method::POST, "/auth/logout-all", Some(&token), Value::Null);
    assert_eq!(everywhere.await.status, 200);
    assert_eq!(
        other.stands(&third).await,
        (false, false),
        "signed out everywhere"
    );

    let stolen = users.login("ada@example.com", "another uncommon phrase").await;
    let refresh = stolen.text("refreshToken");
    assert_eq!(users.refresh(&refresh).await.status, 200);
    users.later(11);
    assert_eq!(users.refresh(&refresh).await.status, 401);
    assert_eq!(
        other.stands(&stolen).await,
        (false, false),
        "a used token came back"
    );
}

// AUT-8
#[tokio::test]
async fn without_redis_and_with_one_that_forgot_the_table_is_asked() {
    let (mut server, users, other) = start().await;
    let tokens = users.joins("ada@example.com").await;
    let body = json!({"refreshToken": tokens.text("refreshToken")});
    assert_eq!(users.post("/auth/logout", body).await.status, 200);
    assert_eq!(other.stands(&tokens).await, (false, false));
    server.kill();
    assert_eq!(
        other.stands(&tokens).await,
        (false, true),
        "the table is the truth"
    );
    server.restart();
    let found = async { while other.stands(&tokens).await.1 {} };
    tokio::time::timeout(Duration::from_secs(10), found)
        .await
        .expect("Redis is asked again, and knows what the table said");
    assert_eq!(other.stands(&tokens).await, (false, false));
}

// AUT-8
#[tokio::test]
async fn an_end_of_which_redis_was_not_told_is_known_within_five_seconds() {
    let (_server, users, other) = start().await;
    let tokens = users.joins("ada@example.com").await;
    assert_eq!(other.stands(&tokens).await, (true, true));
    sqlx::query("update sessions set revoked_at = now(), revoked_why = 'operator'")
        .execute(&users.db.pool)
        .await
        .unwrap();
    let began = Instant::now();
    while other.stands(&tokens).await.0 {
        assert!(began.elapsed() < Duration::from_secs(5), "it is still believed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

// AUT-8
#[tokio::test]
async fn an_answer_from_before_the_end_does_not_cover_what_was_told_since() {
    let (server, users, _) = start().await;
    let tokens = users.joins("ada@example.com").await;
    let shared = Shared::new(Arc::new(SystemClock));
    let url = RedisUrl::parse(&server.url()).unwrap();
    let copy = SessionCopy::open(&url, "order-service", &shared).await;
    // user-service says that it stands; before that has come back, the session ends.
    let (users, session) = (Arc::new(users), session(&tokens));
    let refresh = tokens.text("refreshToken");
    let truth: SessionCheck = {
        let users = Arc::clone(&users);
        Arc::new(move |_| {
            let (users, body) = (Arc::clone(&users), json!({"refreshToken": refresh}));
            Box::pin(async move {
                users.post("/auth/logout", body).await;
                Ok(true)
            })
        })
    };
    let check = copy.clone().before(truth);
    assert_eq!(
        check(session.clone()).await,
        Ok(true),
        "it stood when it was asked for"
    );
    assert_eq!(check(session).await, Ok(false));
}

// AUT-8
#[tokio::test]
async fn an_answer_that_redis_gets_to_late_is_not_believed_for_longer() {
    let server = Arc::new(RedisServer::start());
    let shared = Shared::new(Arc::new(SystemClock));
    let url = RedisUrl::parse(&server.url()).unwrap();
    let copy = SessionCopy::open(&url, "order-service", &shared).await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut watching = client.get_multiplexed_async_connection().await.unwrap();
    let (told, tell) = (Arc::new(AtomicUsize::new(0)), watching.clone());
    // By Redis's clock, in milliseconds.
    let time = async |mut connection: redis::aio::MultiplexedConnection| {
        let time: (usize, usize) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
        time.0 * 1_000 + time.1 / 1_000
    };
    // Redis stands while the answer is written to it.
    let truth: SessionCheck = {
        let (server, told) = (Arc::clone(&server), Arc::clone(&told));
        Arc::new(move |_| {
            let (server, told, tell) = (Arc::clone(&server), Arc::clone(&told), tell.clone());
            Box::pin(async move {
                told.store(time(tell).await, Ordering::SeqCst);
                server.stop();
                Ok(true)
            })
        })
    };
    let began = Instant::now();
    assert_eq!(copy.before(truth)("late".to_owned()).await, Ok(true));
    assert!(began.elapsed() >= Duration::from_millis(150), "it was not silent");
    server.go_on();

    let written = async {
        loop {
            let mut left = redis::cmd("PTTL");
            let left: i64 = left
                .arg("souk:session:late")
                .query_async(&mut watching)
                .await
                .unwrap();
            if let Ok(left) = usize::try_from(left) {
                return left;
            }
            tokio::task::yield_now().await;
        }
    };
    let left = tokio::time::timeout(Duration::from_secs(10), written)
        .await
        .unwrap();
    let believed = time(watching).await + left - told.load(Ordering::SeqCst);
    // The clock is read a moment after the rest of the time.
    assert!(believed < 4_100, "it is believed for {believed} ms");
}
