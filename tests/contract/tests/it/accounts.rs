//! Accounts and sessions.

use serde_json::json;
use souk_test_shop::{Person, Shop};

// AUT-8
pub async fn an_account_signs_up_in_and_out(shop: &Shop) {
    let ada = shop.customer().await;
    let profile = ada.api.get("/api/users/profile").await.expect(200);
    assert_eq!(profile.at("/email"), ada.email.as_str());
    assert_eq!(profile.at("/role"), "customer");
    assert!(
        !profile.json().to_string().contains("assword"),
        "{}",
        profile.json()
    );

    let token = json!({"refreshToken": ada.refresh_token});
    drop(shop.api.post("/api/auth/logout", &token).await.expect(200));
    drop(shop.api.post("/api/auth/logout", &token).await.expect(200));
    drop(
        shop.api
            .post("/api/auth/refresh", &token)
            .await
            .refused(401, "invalid-refresh-token"),
    );
}

// AUT-11, AUT-12
pub async fn a_taken_address_and_a_wrong_password_are_refused(shop: &Shop) {
    let ada = shop.customer().await;
    let again = json!({"email": ada.email.to_uppercase(), "password": "another good password"});
    drop(
        shop.api
            .post("/api/auth/register", &again)
            .await
            .refused(409, "email-taken"),
    );

    let wrong = json!({"email": ada.email, "password": "not it at all"});
    let unknown = json!({"email": "nobody@people.example", "password": "not it at all"});
    let wrong = shop
        .api
        .post("/api/auth/login", &wrong)
        .await
        .refused(401, "invalid-credentials");
    let unknown = shop
        .api
        .post("/api/auth/login", &unknown)
        .await
        .refused(401, "invalid-credentials");
    assert_eq!(
        wrong.at("/detail"),
        unknown.at("/detail"),
        "the answer tells nothing of the address"
    );
    assert!(!wrong.header("www-authenticate").is_empty());
}

// AUT-1
pub async fn nobody_registers_as_admin(shop: &Shop) {
    let body = json!({"email": "boss@people.example", "password": "a good long password", "role": "admin"});
    drop(
        shop.api
            .post("/api/auth/register", &body)
            .await
            .refused(403, "role-not-allowed"),
    );
    let login = json!({"email": "boss@people.example", "password": "a good long password"});
    drop(shop.api.post("/api/auth/login", &login).await.expect(401));
}

// AUT-7
pub async fn a_used_refresh_token_answers_with_the_same_successor(shop: &Shop) {
    let ada = shop.customer().await;
    let token = json!({"refreshToken": ada.refresh_token});
    let asked = (0..20).map(|_| shop.api.post("/api/auth/refresh", &token));
    let answers = futures::future::join_all(asked).await;
    let first = answers[0].at("/refreshToken");
    assert!(first.is_string() && first != ada.refresh_token.as_str());
    for answer in answers {
        assert_eq!(answer.expect(200).at("/refreshToken"), first);
    }
}

// CAT-4 for accounts
pub async fn the_profile_changes_only_in_what_was_named(shop: &Shop) {
    let ada = shop.customer().await;
    let body = json!({"first_name": "Augusta", "role": "admin", "id": 1, "email": "x@y.example", "passwordHash": "x"});
    let changed = ada.api.put("/api/users/profile", &body).await.expect(200);
    assert_eq!(changed.at("/firstName"), "Augusta");
    assert_eq!(changed.at("/role"), "customer");
    assert_eq!(changed.at("/id"), ada.id);
    drop(
        ada.api
            .put("/api/users/profile", &json!({"first_name": 7}))
            .await
            .refused(422, "invalid-request"),
    );
}

// AUT-5
pub async fn forged_tokens_open_nothing(shop: &Shop) {
    let ada = shop.customer().await;
    let bearer = ada.api.with("x-nothing", "1");
    drop(bearer.get("/api/users/profile").await.expect(200));
    let none = "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIiwicm9sZSI6ImFkbWluIn0.";
    for token in ["", "Bearer", "Bearer x", "Basic YTpi", none] {
        let api = shop.api.with("authorization", token);
        let answer = api
            .get("/api/users/profile")
            .await
            .refused(401, "unauthenticated");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{token}");
    }
    drop(
        shop.api
            .get("/api/users/profile")
            .await
            .refused(401, "unauthenticated"),
    );
    let stranger = Person {
        api: shop.api.with("x-user-id", ada.id.to_string()),
        ..ada
    };
    drop(
        stranger
            .api
            .get("/api/users/profile")
            .await
            .refused(401, "unauthenticated"),
    );
}
