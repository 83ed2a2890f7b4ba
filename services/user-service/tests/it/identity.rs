//! What other services ask: keys and sessions, over gRPC.

use http::{Request, StatusCode};
use serde_json::json;
use souk_http::{keys_from, sessions_at};
use tonic::Code;
use tower::ServiceExt as _;
use wire::rpc::Refused;
use wire::rpc::identity::identity_client::IdentityClient;
use wire::rpc::identity::{CheckSessionRequest, ContactRequest, PublicKeysRequest};

use crate::harness::{PASSWORD, Users};

// AUT-5
#[tokio::test]
async fn other_services_get_the_published_keys() {
    let users = Users::start().await;
    let keys = keys_from(users.rpc(), None)().await.unwrap();
    let set = users.get("/.well-known/jwks.json", "").await;
    assert_eq!(keys.len(), 1);
    assert_eq!(set.body["keys"][0]["kid"], keys[0].kid);
    assert_eq!(keys[0].ed25519.len(), 32);
}

// AUT-8
#[tokio::test]
async fn other_services_learn_at_once_that_a_session_has_ended() {
    let users = Users::start().await;
    let stands = sessions_at(users.rpc());
    let session: String = {
        users.joins("ada@example.com").await;
        sqlx::query_scalar("select id::text from sessions")
            .fetch_one(&users.db.pool)
            .await
            .unwrap()
    };
    assert!(stands(session.clone()).await.unwrap());
    users.later(7 * 86_400 - 1);
    assert!(stands(session.clone()).await.unwrap());
    users.later(1);
    assert!(!stands(session).await.unwrap(), "expired");

    let again = users.login("ada@example.com", PASSWORD).await;
    let sql = "select id::text from sessions order by created_at desc limit 1";
    let session: String = sqlx::query_scalar(sql).fetch_one(&users.db.pool).await.unwrap();
    assert!(stands(session.clone()).await.unwrap());
    users
        .post(
            "/auth/logout",
            json!({"refreshToken": again.text("refreshToken")}),
        )
        .await;
    assert!(!stands(session).await.unwrap(), "signed out");
    for unknown in ["", "0197c3e0-0000-7000-8000-000000000000", "' or true --"] {
        assert!(!stands(unknown.to_owned()).await.unwrap(), "{unknown}");
    }
}

// EVT-4: who needs an address asks for it, instead of keeping it.
#[tokio::test]
async fn other_services_learn_the_address_of_an_account_that_is_there() {
    let users = Users::start().await;
    users.joins("ada@example.com").await;
    let id: i64 = sqlx::query_scalar("select id from users")
        .fetch_one(&users.db.pool)
        .await
        .unwrap();
    let mut identity = IdentityClient::new(users.rpc());
    let reply = identity.contact(ContactRequest { user_id: id }).await.unwrap();
    assert_eq!(reply.into_inner().email, "ada@example.com");
    let unknown = identity
        .contact(ContactRequest { user_id: id + 1 })
        .await
        .unwrap_err();
    assert_eq!(
        Refused::from_status(&unknown).unwrap().code,
        wire::code::USER_NOT_FOUND
    );
}

// STK-15 in spirit: internal routes want a service token.
#[tokio::test]
async fn nobody_without_a_service_token_is_answered() {
    let users = Users::start().await;
    let request = Request::post("/souk.identity.v1.Identity/PublicKeys")
        .header("content-type", "application/grpc")
        .body(axum::body::Body::empty())
        .unwrap();
    let answer = users.internal().oneshot(request).await.unwrap();
    assert_eq!(
        answer.headers().get("grpc-status").unwrap(),
        &(Code::Unauthenticated as i32).to_string()
    );
    for path in [
        "/souk.identity.v1.Identity/PublicKeys",
        "/souk.identity.v1.Identity/CheckSession",
    ] {
        let request = Request::post(path).body(axum::body::Body::empty()).unwrap();
        assert_eq!(
            users.send(request).await.status,
            StatusCode::NOT_FOUND,
            "not on the public port"
        );
    }
    let mut client = IdentityClient::new(users.rpc());
    assert_eq!(
        client
            .public_keys(PublicKeysRequest {})
            .await
            .unwrap()
            .into_inner()
            .keys
            .len(),
        1
    );
    let session_id = "x".to_owned();
    assert!(
        !client
            .check_session(CheckSessionRequest { session_id })
            .await
            .unwrap()
            .into_inner()
            .active
    );
}

// API9, API5
#[tokio::test]
async fn every_route_is_documented_and_says_who_may_call_it() {
    let document = serde_json::to_value(user_service::openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(operation["x-access"].is_string(), "{method} {path}");
            assert!(operation["security"].is_array(), "{method} {path}");
            routes.push(format!(
                "{method} {path}: {}",
                operation["x-access"].as_str().unwrap()
            ));
        }
    }
    routes.sort();
    assert_eq!(
        routes,
        [
            "get /.well-known/jwks.json: anyone",
            "get /users/profile: signed-in",
            "post /auth/login: anyone",
            "post /auth/logout-all: signed-in",
            "post /auth/logout: holder of a refresh token",
            "post /auth/refresh: holder of a refresh token",
            "post /auth/register: anyone",
            "put /users/password: signed-in",
            "put /users/profile: signed-in",
            "put /users/{id}/role: admin",
        ]
    );
    assert!(document["components"]["securitySchemes"]["bearer"].is_object());
}
