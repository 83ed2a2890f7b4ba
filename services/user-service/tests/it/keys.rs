//! The keys that sign tokens: made once, published, rotated without signing anybody out.

use futures::future::join_all;
use jsonwebtoken::decode_header;
use serde_json::Value;

use crate::harness::{PASSWORD, Users};

const DAY: u64 = 86_400;

fn kid(token: &str) -> String {
    decode_header(token).unwrap().kid.unwrap()
}

async fn published(users: &Users) -> Vec<String> {
    let answer = users.get("/.well-known/jwks.json", "").await;
    let keys = answer.body["keys"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer:?}"))
        .clone();
    keys.iter()
        .map(|k| k["kid"].as_str().unwrap().to_owned())
        .collect()
}

// AUT-5
#[tokio::test]
async fn the_public_keys_are_a_cacheable_set_without_private_halves() {
    let users = Users::start().await;
    let request = http::Request::get("/.well-known/jwks.json")
        .body(axum::body::Body::empty())
        .unwrap();
    let set = users.send(request).await;
    assert_eq!(set.header("cache-control"), "public, max-age=300");
    let key = set.body["keys"][0].as_object().unwrap();
    assert_eq!(key.keys().collect::<Vec<_>>(), ["crv", "kid", "kty", "x"]);
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&Value::from("OKP"), &Value::from("Ed25519"))
    );
    let request = http::Request::get("/.well-known/jwks.json").header("if-none-match", set.header("etag"));
    assert_eq!(
        users
            .send(request.body(axum::body::Body::empty()).unwrap())
            .await
            .status,
        304
    );
}

// AUT-5
#[tokio::test]
async fn keys_rotate_and_nobody_is_signed_out() {
    let users = Users::start().await;
    let first = kid(&users.joins("ada@example.com").await.text("accessToken"));
    assert_eq!(published(&users).await, [first.as_str()]);

    users.later(90 * DAY - 21 * 60);
    users.keep_house().await;
    let both = published(&users).await;
    assert_eq!(
        (both.len(), &both[1]),
        (2, &first),
        "the next one is published before it signs"
    );
    let second = both[0].clone();
    let before = users.login("ada@example.com", PASSWORD).await.text("accessToken");
    assert_eq!(kid(&before), first);
    assert_eq!(
        users.get("/users/profile", &before).await.status,
        200,
        "the verifier has read both by now"
    );

    users.later(21 * 60 - 1);
    let last = users.login("ada@example.com", PASSWORD).await.text("accessToken");
    assert_eq!(kid(&last), first, "it signs to its last second");
    users.later(1);
    let after = users.login("ada@example.com", PASSWORD).await;
    assert_eq!(kid(&after.text("accessToken")), second);
    users.keep_house().await;
    for token in [&last, &after.text("accessToken")] {
        assert_eq!(users.get("/users/profile", token).await.status, 200);
    }

    users.later(898);
    users.keep_house().await;
    assert_eq!(
        users.get("/users/profile", &last).await.status,
        200,
        "to the end of its life"
    );
    assert_eq!(published(&users).await.len(), 2);
    users.later(8 * 60);
    users.keep_house().await;
    assert_eq!(
        published(&users).await,
        [second.as_str()],
        "then the old key is forgotten"
    );
    assert_eq!(users.refresh(&after.text("refreshToken")).await.status, 200);
}

// AUT-5
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_keep_house_at_once_one_key_is_made() {
    let users = Users::start().await;
    assert_eq!(users.count("signing_keys").await, 1);
    users.later(90 * DAY);
    join_all((0..10).map(|_| users.keep_house())).await;
    assert_eq!(users.count("signing_keys").await, 2);
}

#[tokio::test]
async fn a_restart_keeps_keys_and_tokens() {
    let users = Users::start().await;
    let token = users.joins("ada@example.com").await.text("accessToken");
    let users = users.restart(&[]).await.unwrap();
    assert_eq!(users.get("/users/profile", &token).await.status, 200);
    assert_eq!(users.count("signing_keys").await, 1);
}

#[tokio::test]
async fn a_key_that_the_secret_does_not_open_stops_the_start_with_what_to_do() {
    let users = Users::with(&[("KEY_ENCRYPTION_SECRET", "the first secret")]).await;
    let text: String = sqlx::query_scalar("select encode(sealed_private_key, 'hex') from signing_keys")
        .fetch_one(&users.db.pool)
        .await
        .unwrap();
    assert!(text.len() > 96, "sealed: {text}");
    let users = users
        .restart(&[("KEY_ENCRYPTION_SECRET", "the second secret,the first secret")])
        .await
        .unwrap();
    let said = users
        .restart(&[("KEY_ENCRYPTION_SECRET", "the second secret")])
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        said.contains("KEY_ENCRYPTION_SECRET") && said.contains("add the old one"),
        "{said}"
    );
}
