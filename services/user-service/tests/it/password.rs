//! Changing a password.

use futures::future::join_all;
use serde_json::json;

use crate::harness::{PASSWORD, Users};

const NEW: &str = "quite another phrase";

// AUT-8
#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let users = Users::start().await;
    let mine = users.joins("ada@example.com").await;
    let other = users.login("ada@example.com", PASSWORD).await;
    let token = mine.text("accessToken");
    let body = json!({"currentPassword": PASSWORD, "newPassword": NEW});
    let changed = users.put("/users/password", &token, body).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(users.refresh(&other.text("refreshToken")).await.status, 401);
    assert_eq!(
        users.refresh(&mine.text("refreshToken")).await.status,
        200,
        "this one stays"
    );
    assert_eq!(users.login("ada@example.com", PASSWORD).await.status, 401);
    assert_eq!(users.login("ada@example.com", NEW).await.status, 200);
}

// AUT-3
#[tokio::test]
async fn a_new_password_meets_the_rules_and_the_old_one_is_asked_for() {
    let users = Users::start().await;
    let token = users.joins("ada@example.com").await.text("accessToken");
    let cases = [
        (
            json!({"currentPassword": "wrong", "newPassword": NEW}),
            vec!["/currentPassword"],
        ),
        (
            json!({"current_password": PASSWORD, "new_password": "password1"}),
            vec!["/newPassword"],
        ),
        (
            json!({"currentPassword": PASSWORD, "newPassword": "ada@example.com"}),
            vec!["/newPassword"],
        ),
        (
            json!({"currentPassword": "wrong", "newPassword": "short"}),
            vec!["/newPassword", "/currentPassword"],
        ),
    ];
    for (body, pointers) in cases {
        let refused = users.put("/users/password", &token, body.clone()).await;
        assert_eq!(
            (refused.status.as_u16(), refused.pointers()),
            (422, pointers),
            "{body}"
        );
    }
    assert_eq!(
        users.login("ada@example.com", PASSWORD).await.status,
        200,
        "nothing changed"
    );
}

// AUT-8
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_sign_in_with_the_old_password_outlives_the_change() {
    let users = Users::start().await;
    let token = users.joins("ada@example.com").await.text("accessToken");
    let body = json!({"currentPassword": PASSWORD, "newPassword": NEW});
    let sign_ins = join_all((0..20).map(|_| users.login("ada@example.com", PASSWORD)));
    let (changed, sign_ins) = futures::join!(users.put("/users/password", &token, body), sign_ins);
    assert_eq!(changed.status, 200, "{changed:?}");
    for sign_in in sign_ins.iter().filter(|a| a.status == 200) {
        assert_eq!(users.refresh(&sign_in.text("refreshToken")).await.status, 401);
    }
    assert_eq!(users.count("sessions where revoked_at is null").await, 1);
}
