//! Access tokens that are not ours, or not any more (API2).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use types::Clock as _;

use crate::harness::{Answer, Users, user_id};

/// A key whose private half the test holds.
struct Key {
    pkcs8: Vec<u8>,
    public: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .unwrap()
            .as_ref()
            .to_vec();
        let public = Ed25519KeyPair::from_pkcs8(&pkcs8)
            .unwrap()
            .public_key()
            .as_ref()
            .to_vec();
        Self { pkcs8, public }
    }

    fn sign(&self, kid: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(&self.pkcs8)).unwrap()
    }
}

/// A service that publishes a key of ours as a retiring one, and claims that it accepts.
async fn published() -> (Users, Key, Value, Answer) {
    let users = Users::start().await;
    let signed_in = users.joins("ada@example.com").await;
    let key = Key::new();
    sqlx::query(
        "insert into signing_keys (kid, public_key, sealed_private_key, created_at, signs_from)
         values ('ours', $1, '', now(), '2020-01-01')",
    )
    .bind(&key.public)
    .execute(&users.db.pool)
    .await
    .unwrap();
    let now = users.clock.now().unix_timestamp();
    let claims = json!({
        "iss": "souk", "aud": "souk-api", "sub": user_id(&signed_in).to_string(), "role": "customer",
        "sid": "0197c3e0-0000-7000-8000-000000000000", "jti": "1", "iat": now, "exp": now + 900,
    });
    (users, key, claims, signed_in)
}

async fn refused(users: &Users, token: &str, why: &str) {
    let answer = users.get("/users/profile", token).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (401, "unauthenticated"),
        "{why}: {answer:?}"
    );
    assert_eq!(answer.header("www-authenticate"), "Bearer", "{why}");
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

// AUT-5, API2
#[tokio::test]
async fn claims_that_are_not_ours_open_nothing() {
    let (users, key, claims, _) = published().await;
    let now = users.clock.now().unix_timestamp();
    assert_eq!(
        users
            .get("/users/profile", &key.sign(Some("ours"), &claims))
            .await
            .status,
        200,
        "the key is good"
    );
    for (name, value) in [
        ("iss", json!("somebody")),
        ("aud", json!("another-api")),
        ("aud", json!(["another-api"])),
        ("exp", json!(now)),
        ("exp", json!(now - 1)),
        ("exp", json!("never")),
        ("exp", json!(null)),
        ("iat", json!(now + 61)),
        ("sub", json!("root")),
        ("sub", json!("-1")),
        ("sub", json!(null)),
        ("role", json!("king")),
        ("sid", json!(7)),
    ] {
        refused(
            &users,
            &key.sign(Some("ours"), &with(&claims, name, value.clone())),
            &format!("{name}: {value}"),
        )
        .await;
    }
    for name in ["iss", "aud", "sub", "exp", "iat", "jti", "sid", "role"] {
        refused(
            &users,
            &key.sign(Some("ours"), &without(&claims, name)),
            &format!("no {name}"),
        )
        .await;
    }
    let ahead = with(&claims, "iat", json!(now + 60));
    assert_eq!(
        users
            .get("/users/profile", &key.sign(Some("ours"), &ahead))
            .await
            .status,
        200,
        "clocks may differ"
    );
}

// AUT-5, API2
#[tokio::test]
async fn keys_and_algorithms_that_are_not_ours_open_nothing() {
    let (users, key, claims, signed_in) = published().await;
    let stranger = Key::new();
    refused(
        &users,
        &stranger.sign(Some("ours"), &claims),
        "another key under our name",
    )
    .await;
    refused(
        &users,
        &stranger.sign(Some("another"), &claims),
        "a key that nobody knows",
    )
    .await;
    refused(&users, &stranger.sign(None, &claims), "no key named").await;
    for kid in [
        "",
        "../../../dev/null",
        "' union select 'x",
        "ours\u{0}",
        "https://evil.example/jwks.json",
    ] {
        refused(&users, &stranger.sign(Some(kid), &claims), kid).await;
    }
    refused(
        &users,
        &format!("{}.", unsigned(&json!({"alg": "none", "kid": "ours"}), &claims)),
        "alg none",
    )
    .await;
    refused(
        &users,
        &format!("{}.", unsigned(&json!({"alg": "NoNe", "kid": "ours"}), &claims)),
        "alg NoNe",
    )
    .await;

    // The public key is public: as an HMAC secret it would let anybody sign.
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let mut header = Header::new(algorithm);
        header.kid = Some("ours".to_owned());
        let text = URL_SAFE_NO_PAD.encode(&key.public);
        for secret in [key.public.as_slice(), text.as_bytes(), b""] {
            let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap();
            refused(&users, &token, "an HMAC under the public key").await;
        }
    }

    // A key that comes with the token is nobody's.
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(&stranger.public)});
    let header = json!({"alg": "EdDSA", "kid": "ours", "jwk": jwk, "jku": "https://evil.example/jwks.json"});
    let message = unsigned(&header, &claims);
    let pair = Ed25519KeyPair::from_pkcs8(&stranger.pkcs8).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()));
    refused(&users, &format!("{message}.{signature}"), "a key in the header").await;

    let token = signed_in.text("accessToken");
    assert_eq!(users.get("/users/profile", &token).await.status, 200);
    let (head, _) = token.rsplit_once('.').unwrap();
    refused(&users, &format!("{head}."), "no signature").await;
    refused(
        &users,
        &format!("{head}.{}", "A".repeat(86)),
        "a made-up signature",
    )
    .await;
    let claimed = unsigned(
        &json!({"alg": "EdDSA", "kid": "ours"}),
        &with(&claims, "role", json!("admin")),
    );
    refused(
        &users,
        &format!("{claimed}.{}", token.rsplit_once('.').unwrap().1),
        "another's signature",
    )
    .await;
}

// AUT-5, API2
#[tokio::test]
async fn what_is_no_token_at_all_opens_nothing() {
    let (users, key, claims, _) = published().await;
    let long = key.sign(Some("ours"), &with(&claims, "iss", json!("x".repeat(1 << 20))));
    for text in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "null",
        "e30.e30.",
        &"x".repeat(1 << 20),
        &long,
    ] {
        refused(&users, text, "no token").await;
    }
    let good = key.sign(Some("ours"), &claims);
    for header in [
        good.clone(),
        format!("Basic {good}"),
        format!("Bearer{good}"),
        "Bearer".to_owned(),
    ] {
        let request = http::Request::get("/users/profile").header("authorization", header);
        let answer = users.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 401);
    }
}

// AUT-5
#[tokio::test]
async fn a_token_says_who_where_from_and_until_when() {
    let users = Users::start().await;
    let signed_in = users.joins("ada@example.com").await;
    let token = signed_in.text("accessToken");
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!(header.alg, Algorithm::EdDSA);
    assert!(header.kid.is_some());
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    let names: Vec<_> = claims.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["aud", "exp", "iat", "iss", "jti", "role", "sid", "sub"],
        "and nothing of the person"
    );
    assert_eq!(
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
        900
    );
    users.later(899);
    assert_eq!(users.get("/users/profile", &token).await.status, 200);
    users.later(1);
    assert_eq!(users.get("/users/profile", &token).await.status, 401);
}
