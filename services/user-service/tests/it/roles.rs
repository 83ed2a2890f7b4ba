//! Who may do what, and who changes that.

use serde_json::json;

use crate::harness::{PASSWORD, Users, user_id};

// AUT-1, AUT-8
#[tokio::test]
async fn an_admin_makes_an_admin_and_the_old_sessions_end() {
    let users = Users::start().await;
    let admin = users.admin().await.text("accessToken");
    let ada = users.joins("ada@example.com").await;
    let path = format!("/users/{}/role", user_id(&ada));
    let promoted = users.put(&path, &admin, json!({"role": "admin"})).await;
    assert_eq!(
        (promoted.status.as_u16(), &promoted.body["role"]),
        (200, &json!("admin")),
        "{promoted:?}"
    );
    assert_eq!(promoted.header("etag"), "\"v2\"");
    assert_eq!(users.refresh(&ada.text("refreshToken")).await.status, 401);
    let again = users.login("ada@example.com", PASSWORD).await;
    assert_eq!(again.body["user"]["role"], "admin");
    let repeated = users.put(&path, &admin, json!({"role": "admin"})).await;
    assert_eq!(
        repeated.header("etag"),
        "\"v2\"",
        "the same role again changes nothing"
    );
    assert_eq!(
        users.refresh(&again.text("refreshToken")).await.status,
        200,
        "and ends nothing"
    );
}

// API5
#[tokio::test]
async fn nobody_but_an_admin_gives_roles() {
    let users = Users::start().await;
    let ada = users.joins("ada@example.com").await;
    let path = format!("/users/{}/role", user_id(&ada));
    let body = json!({"email": "sam@example.com", "password": PASSWORD, "role": "seller"});
    users.post("/auth/register", body).await;
    let sam = users.login("sam@example.com", PASSWORD).await;
    for token in [ada.text("accessToken"), sam.text("accessToken")] {
        let refused = users.put(&path, &token, json!({"role": "admin"})).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (403, "forbidden"));
    }
    assert_eq!(
        users
            .call(http::Method::PUT, &path, None, json!({"role": "admin"}))
            .await
            .status,
        401
    );
    assert_eq!(users.count("users where role = 'admin'").await, 0);
}

#[tokio::test]
async fn a_role_is_given_to_an_account_that_is_there() {
    let users = Users::start().await;
    let admin = users.admin().await.text("accessToken");
    let missing = users
        .put("/users/999999/role", &admin, json!({"role": "seller"}))
        .await;
    assert_eq!((missing.status.as_u16(), missing.code()), (404, "user-not-found"));
    for id in ["0", "-1", "abc", "9007199254740992", "1e3"] {
        assert_eq!(
            users
                .put(&format!("/users/{id}/role"), &admin, json!({"role": "seller"}))
                .await
                .status,
            404,
            "{id}"
        );
    }
    let ada = users.joins("ada@example.com").await;
    let refused = users
        .put(
            &format!("/users/{}/role", user_id(&ada)),
            &admin,
            json!({"role": "king"}),
        )
        .await;
    assert_eq!(refused.pointers(), ["/role"]);
}

// AUT-8
#[tokio::test]
async fn a_demoted_admin_gives_no_role_from_that_moment_on() {
    let users = Users::start().await;
    let admin = users.admin().await;
    let ada = users.joins("ada@example.com").await;
    let role_of = |answer| format!("/users/{}/role", user_id(answer));
    users
        .put(
            &role_of(&ada),
            &admin.text("accessToken"),
            json!({"role": "admin"}),
        )
        .await;
    let ada = users.login("ada@example.com", PASSWORD).await;
    users
        .put(
            &role_of(&ada),
            &admin.text("accessToken"),
            json!({"role": "customer"}),
        )
        .await;
    let refused = users
        .put(
            &role_of(&admin),
            &ada.text("accessToken"),
            json!({"role": "customer"}),
        )
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (401, "unauthenticated"),
        "its token still says admin"
    );
}
