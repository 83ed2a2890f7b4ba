//! Signing up.

use futures::future::join_all;
use serde_json::json;

use crate::harness::{PASSWORD, Users};

#[tokio::test]
async fn an_account_is_made_and_shows_no_hash() {
    let users = Users::start().await;
    let body = json!({"email": " Ada@Example.com ", "password": PASSWORD, "first_name": "Ada", "lastName": "Lovelace"});
    let made = users.post("/auth/register", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(!made.text("message").is_empty());
    let user = &made.body["user"];
    assert_eq!(user["email"], "ada@example.com");
    assert_eq!(user["firstName"], "Ada");
    assert_eq!(user["lastName"], "Lovelace");
    assert_eq!(user["role"], "customer");
    assert_eq!(user["createdAt"], "2030-01-01T12:00:00Z");
    let names: Vec<_> = user.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        [
            "createdAt",
            "email",
            "firstName",
            "id",
            "lastName",
            "phone",
            "role",
            "updatedAt"
        ]
    );
}

// AUT-1
#[tokio::test]
async fn registering_gives_customers_and_sellers_and_no_other_role() {
    let users = Users::start().await;
    for role in ["admin", "Admin", "seller ", "root", ""] {
        let body = json!({"email": "eve@example.com", "password": PASSWORD, "role": role});
        let refused = users.post("/auth/register", body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (403, "role-not-allowed"),
            "{role}"
        );
    }
    assert_eq!(users.count("users").await, 0, "nothing is written");
    let body = json!({"email": "sam@example.com", "password": PASSWORD, "role": "seller"});
    assert_eq!(
        users.post("/auth/register", body).await.body["user"]["role"],
        "seller"
    );
    let body = json!({"email": "cleo@example.com", "password": PASSWORD, "role": null});
    assert_eq!(
        users.post("/auth/register", body).await.body["user"]["role"],
        "customer"
    );
}

// AUT-1
#[tokio::test]
async fn a_shop_may_close_the_sign_up_of_sellers() {
    let users = Users::with(&[("OPEN_SELLER_SIGNUP", "off")]).await;
    let body = json!({"email": "sam@example.com", "password": PASSWORD, "role": "seller"});
    let refused = users.post("/auth/register", body).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (403, "role-not-allowed")
    );
    assert_eq!(users.count("users").await, 0);
    assert_eq!(users.register("cleo@example.com").await.status, 201);
}

// AUT-3
#[tokio::test]
async fn every_value_that_is_not_valid_is_named_at_once() {
    let users = Users::start().await;
    let body =
        json!({"email": "nobody", "password": "short", "first_name": "x".repeat(101), "last_name": "a\u{0}"});
    let refused = users.post("/auth/register", body).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (422, "invalid-request")
    );
    assert_eq!(
        refused.pointers(),
        ["/email", "/password", "/firstName", "/lastName"]
    );
    for password in ["password123", "ada@example.com", "ADA@Example.com"] {
        let body = json!({"email": "Ada@example.com", "password": password});
        assert_eq!(
            users.post("/auth/register", body).await.pointers(),
            ["/password"],
            "{password}"
        );
    }
    let body = json!({"email": 7, "password": PASSWORD});
    assert_eq!(
        users.post("/auth/register", body).await.pointers(),
        ["/email"],
        "a wrong type says where"
    );
    assert_eq!(
        users
            .post("/auth/register", json!({"password": PASSWORD}))
            .await
            .status,
        422
    );
    assert_eq!(users.count("users").await, 0);
}

// AUT-12
#[tokio::test]
async fn one_address_has_one_account_however_it_is_spelt() {
    let users = Users::start().await;
    assert_eq!(users.register("ada@bücher.example").await.status, 201);
    for spelling in [
        "ADA@bücher.example",
        "  ada@xn--bcher-kva.example",
        "Ada@BÜCHER.example ",
    ] {
        let refused = users.register(spelling).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (409, "email-taken"),
            "{spelling}"
        );
    }
    assert_eq!(users.login("ADA@Bücher.example", PASSWORD).await.status, 200);
}

// AUT-12
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_who_register_one_address_at_once_one_gets_it() {
    let users = Users::start().await;
    let answers = join_all((0..20).map(|_| users.register("ada@example.com"))).await;
    let statuses: Vec<_> = answers.iter().map(|a| a.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|s| **s == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|s| **s == 409).count(), 19, "{statuses:?}");
    assert_eq!(users.count("users").await, 1);
}

// IDK-4
#[tokio::test]
async fn idempotency_keys_are_ignored_when_signing_up() {
    let users = Users::start().await;
    let request = || {
        http::Request::post("/auth/register")
            .header("content-type", "application/json")
            .header("idempotency-key", "one-key")
            .body(
                json!({"email": "ada@example.com", "password": PASSWORD})
                    .to_string()
                    .into(),
            )
            .unwrap()
    };
    assert_eq!(users.send(request()).await.status, 201);
    let again = users.send(request()).await;
    assert_eq!(
        again.status, 409,
        "an answer that was signed for somebody is never replayed"
    );
    assert_eq!(again.header("idempotent-replayed"), "");
}

// API3
#[tokio::test]
async fn names_of_columns_as_keys_move_nothing() {
    let users = Users::start().await;
    let body = json!({
        "email": "eve@example.com", "password": PASSWORD, "id": 1_000_000, "password_hash": "x", "passwordHash": "x",
        "phone": "1", "version": 99, "created_at": "2000-01-01T00:00:00Z", "createdAt": "2000-01-01T00:00:00Z",
        "updated_at": "2000-01-01T00:00:00Z", "is_admin": true, "__proto__": {"role": "admin"},
    });
    let made = users.post("/auth/register", body).await;
    assert_eq!(made.status, 201);
    let user = &made.body["user"];
    assert_eq!(
        (&user["role"], &user["phone"]),
        (&json!("customer"), &json!(null))
    );
    assert_ne!(user["id"], 1_000_000);
    assert_eq!(user["createdAt"], "2030-01-01T12:00:00Z");
    assert_eq!(users.login("eve@example.com", PASSWORD).await.status, 200);
}
