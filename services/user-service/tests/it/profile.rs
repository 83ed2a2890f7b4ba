//! One's own account.

use http::Method;
use serde_json::{Value, json};

use crate::harness::Users;

#[tokio::test]
async fn a_profile_is_read_and_changed_in_both_spellings() {
    let users = Users::start().await;
    let token = users.joins("ada@example.com").await.text("accessToken");
    users.later(60);
    let changed = users
        .put(
            "/users/profile",
            &token,
            json!({"first_name": " Ada ", "lastName": "Byron", "phone": "+44 20"}),
        )
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.body["firstName"], "Ada");
    assert_eq!(changed.body["lastName"], "Byron");
    assert_eq!(changed.body["phone"], "+44 20");
    assert_eq!(changed.body["updatedAt"], "2030-01-01T12:01:00Z");
    let kept = users
        .put(
            "/users/profile",
            &token,
            json!({"last_name": "King", "phone": ""}),
        )
        .await;
    assert_eq!(
        (&kept.body["firstName"], &kept.body["lastName"]),
        (&json!("Ada"), &json!("King"))
    );
    assert_eq!(kept.body["phone"], Value::Null, "an empty text removes it");
    assert_eq!(users.get("/users/profile", &token).await.body, kept.body);
    let refused = users
        .put(
            "/users/profile",
            &token,
            json!({"firstName": "x".repeat(101), "phone": "call me"}),
        )
        .await;
    assert_eq!(refused.pointers(), ["/firstName", "/phone"]);
}

// API3
#[tokio::test]
async fn no_key_but_the_documented_ones_moves_anything() {
    let users = Users::start().await;
    let signed_in = users.joins("ada@example.com").await;
    let token = signed_in.text("accessToken");
    let columns = [
        "id",
        "email",
        "password",
        "password_hash",
        "passwordHash",
        "role",
        "version",
        "created_at",
        "createdAt",
        "updated_at",
        "updatedAt",
        "user_id",
        "is_admin",
        "revoked_at",
        "__proto__",
        "constructor",
        "$set",
    ];
    for column in columns {
        for value in [
            json!("admin"),
            json!(1),
            json!(true),
            json!({"role": "admin"}),
            json!(null),
        ] {
            let answer = users.put("/users/profile", &token, json!({column: value})).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.body),
                (200, &signed_in.body["user"]),
                "{column}"
            );
        }
    }
    assert_eq!(
        users.get("/users/profile", &token).await.header("etag"),
        "\"v1\"",
        "not even the version"
    );
}

#[tokio::test]
async fn a_profile_has_versions_for_conditional_requests() {
    let users = Users::start().await;
    let token = users.joins("ada@example.com").await.text("accessToken");
    let conditional = |method: Method, header: &'static str, tag: &str, body: Value| {
        http::Request::builder()
            .method(method)
            .uri("/users/profile")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .header(header, tag)
            .body(body.to_string().into())
            .unwrap()
    };
    let read = users.get("/users/profile", &token).await;
    let tag = read.header("etag").to_owned();
    assert_eq!(read.header("cache-control"), "private, no-cache");
    let again = users
        .send(conditional(Method::GET, "if-none-match", &tag, Value::Null))
        .await;
    assert_eq!(again.status, 304);
    let body = json!({"firstName": "Ada"});
    let written = users
        .send(conditional(Method::PUT, "if-match", &tag, body.clone()))
        .await;
    assert_eq!((written.status.as_u16(), written.header("etag")), (200, "\"v2\""));
    let stale = users.send(conditional(Method::PUT, "if-match", &tag, body)).await;
    assert_eq!(
        (stale.status.as_u16(), stale.code()),
        (412, "precondition-failed")
    );
}

// CAT-3 in spirit: two edits at once, none is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_changes_at_once_both_stay() {
    let users = Users::start().await;
    let token = users.joins("ada@example.com").await.text("accessToken");
    let (one, two) = futures::join!(
        users.put("/users/profile", &token, json!({"firstName": "Ada"})),
        users.put("/users/profile", &token, json!({"lastName": "Byron"})),
    );
    assert_eq!(
        (one.status, two.status),
        (http::StatusCode::OK, http::StatusCode::OK)
    );
    let profile = users.get("/users/profile", &token).await;
    assert_eq!(
        (&profile.body["firstName"], &profile.body["lastName"]),
        (&json!("Ada"), &json!("Byron"))
    );
    assert_eq!(profile.header("etag"), "\"v3\"");
}

#[tokio::test]
async fn nobody_sees_a_profile_without_a_token() {
    let users = Users::start().await;
    for method in [Method::GET, Method::PUT] {
        let refused = users.call(method, "/users/profile", None, json!({})).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (401, "unauthenticated")
        );
        assert_eq!(refused.header("www-authenticate"), "Bearer");
    }
}
