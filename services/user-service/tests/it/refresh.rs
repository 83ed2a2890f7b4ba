//! Going on with a session, and ending it.

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::json;

use crate::harness::{PASSWORD, Users};

const DAY: u64 = 86_400;

// AUT-7
#[tokio::test]
async fn each_use_gives_the_next_token_and_a_working_access_token() {
    let users = Users::start().await;
    let mut tokens = users.joins("ada@example.com").await;
    for _ in 0..3 {
        users.later(60);
        let next = users.refresh(&tokens.text("refreshToken")).await;
        assert_eq!(next.status, 200, "{next:?}");
        assert_ne!(next.text("refreshToken"), tokens.text("refreshToken"));
        assert_eq!(next.header("cache-control"), "no-store");
        assert_eq!(
            users
                .get("/users/profile", &next.text("accessToken"))
                .await
                .status,
            200
        );
        tokens = next;
    }
    let body = json!({"refresh_token": tokens.text("refreshToken")});
    assert_eq!(
        users.post("/auth/refresh", body).await.status,
        200,
        "in the other spelling too"
    );
}

// AUT-7
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_refreshes_at_once_give_one_successor() {
    let users = Users::start().await;
    let token = users.joins("ada@example.com").await.text("refreshToken");
    let answers = join_all((0..50).map(|_| users.refresh(&token))).await;
    assert!(answers.iter().all(|a| a.status == 200), "{answers:?}");
    let successors: HashSet<_> = answers.iter().map(|a| a.text("refreshToken")).collect();
    assert_eq!(successors.len(), 1);
    assert_eq!(users.count("refresh_tokens").await, 2);
    assert_eq!(users.count("refresh_tokens where used_at is null").await, 1);
    for successor in successors {
        assert_eq!(
            users.refresh(&successor).await.status,
            200,
            "and the session goes on"
        );
    }
}

// AUT-7
#[tokio::test]
async fn a_used_token_is_answered_with_the_same_successor_for_ten_seconds() {
    let users = Users::start().await;
    let token = users.joins("ada@example.com").await.text("refreshToken");
    let first = users.refresh(&token).await.text("refreshToken");
    users.later(10);
    assert_eq!(users.refresh(&token).await.text("refreshToken"), first);
    assert_eq!(
        users.refresh(&first).await.status,
        200,
        "the winner's session goes on"
    );
}

// AUT-7
#[tokio::test]
async fn a_used_token_that_comes_back_later_ends_its_whole_family_and_no_other() {
    let users = Users::start().await;
    let stolen = users.joins("ada@example.com").await.text("refreshToken");
    let other = users
        .login("ada@example.com", PASSWORD)
        .await
        .text("refreshToken");
    let second = users.refresh(&stolen).await.text("refreshToken");
    users.later(5);
    let third = users.refresh(&second).await.text("refreshToken");
    users.later(11);
    let reused = users.refresh(&stolen).await;
    assert_eq!(
        (reused.status.as_u16(), reused.code()),
        (401, "invalid-refresh-token")
    );
    assert_eq!(
        users.refresh(&third).await.status,
        401,
        "the thief's or the owner's: nobody knows"
    );
    assert_eq!(
        users.refresh(&other).await.status,
        200,
        "another sign-in is another family"
    );
    assert_eq!(users.count("sessions where revoked_why = 'reuse'").await, 1);
}

// AUT-7
#[tokio::test]
async fn a_replaced_secret_neither_ends_sessions_nor_makes_a_second_successor() {
    let users = Users::with(&[("KEY_ENCRYPTION_SECRET", "the first secret")]).await;
    let token = users.joins("ada@example.com").await.text("refreshToken");
    let next = users.refresh(&token).await.text("refreshToken");
    let users = users
        .restart(&[("KEY_ENCRYPTION_SECRET", "the second secret,the first secret")])
        .await
        .unwrap();
    assert_eq!(
        users.refresh(&token).await.text("refreshToken"),
        next,
        "the old secret still derives it"
    );
    assert_eq!(users.refresh(&next).await.status, 200);
    assert_eq!(users.count("refresh_tokens where used_at is null").await, 1);
}

// AUT-6
#[tokio::test]
async fn a_session_lives_seven_days_unused_and_thirty_in_all() {
    let users = Users::start().await;
    let idle = users.joins("ada@example.com").await.text("refreshToken");
    let mut used = users.login("ada@example.com", PASSWORD).await;
    for _ in 0..4 {
        users.later(6 * DAY);
        used = users.refresh(&used.text("refreshToken")).await;
        assert_eq!(used.status, 200, "{used:?}");
    }
    assert_eq!(users.refresh(&idle).await.status, 401, "unused for 24 days");
    users.later(6 * DAY - 600);
    used = users.refresh(&used.text("refreshToken")).await;
    assert_eq!(
        (used.status.as_u16(), &used.body["expiresIn"]),
        (200, &json!(600)),
        "no token outlives its session"
    );
    users.later(600);
    assert_eq!(
        users.refresh(&used.text("refreshToken")).await.status,
        401,
        "the thirtieth day is over"
    );
}

#[tokio::test]
async fn what_is_no_token_opens_nothing() {
    let users = Users::start().await;
    users.joins("ada@example.com").await;
    for text in [
        "",
        " ",
        "x",
        "' or 1=1 --",
        &"A".repeat(43),
        &"x".repeat(500_000),
        "\u{0}",
    ] {
        let refused = users.refresh(text).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (401, "invalid-refresh-token")
        );
    }
    assert_eq!(users.post("/auth/refresh", json!({})).await.status, 422);
    assert_eq!(
        users
            .post("/auth/refresh", json!({"refreshToken": 7}))
            .await
            .pointers(),
        ["/refreshToken"]
    );
}

// AUT-8
#[tokio::test]
async fn signing_out_ends_the_session_and_may_be_repeated() {
    let users = Users::start().await;
    let signed_in = users.joins("ada@example.com").await;
    let other = users
        .login("ada@example.com", PASSWORD)
        .await
        .text("refreshToken");
    let token = signed_in.text("refreshToken");
    let first = users.post("/auth/logout", json!({"refreshToken": token})).await;
    assert_eq!(first.status, 200);
    for body in [
        json!({"refreshToken": token}),
        json!({"refresh_token": "unknown"}),
    ] {
        assert_eq!(users.post("/auth/logout", body).await.body, first.body);
    }
    assert_eq!(users.refresh(&token).await.status, 401);
    assert_eq!(users.refresh(&other).await.status, 200, "the other device stays");
}

// AUT-8
#[tokio::test]
async fn signing_out_everywhere_ends_every_session_at_once() {
    let users = Users::start().await;
    let one = users.joins("ada@example.com").await;
    let two = users.login("ada@example.com", PASSWORD).await;
    let stranger = users.joins("eve@example.com").await;
    let out = users
        .call(
            http::Method::POST,
            "/auth/logout-all",
            Some(&one.text("accessToken")),
            json!(null),
        )
        .await;
    assert_eq!(out.status, 200, "{out:?}");
    for ended in [&one, &two] {
        assert_eq!(users.refresh(&ended.text("refreshToken")).await.status, 401);
        let body = json!({"currentPassword": PASSWORD, "newPassword": "another phrase"});
        let refused = users
            .put("/users/password", &ended.text("accessToken"), body)
            .await;
        assert_eq!(
            refused.status, 401,
            "its access token opens no sensitive route any more"
        );
    }
    assert_eq!(users.refresh(&stranger.text("refreshToken")).await.status, 200);
    assert_eq!(users.post("/auth/logout-all", json!(null)).await.status, 401);
}

#[tokio::test]
async fn ended_sessions_are_forgotten_a_day_later_and_standing_ones_are_kept() {
    let users = Users::start().await;
    let ended = users.joins("ada@example.com").await.text("refreshToken");
    users.login("ada@example.com", PASSWORD).await;
    users.post("/auth/logout", json!({"refreshToken": ended})).await;
    users.keep_house().await;
    assert_eq!(users.count("sessions").await, 2);
    users.later(DAY + 1);
    users.keep_house().await;
    assert_eq!(
        (users.count("sessions").await, users.count("refresh_tokens").await),
        (1, 1)
    );
    users.later(8 * DAY);
    users.keep_house().await;
    assert_eq!(
        (users.count("sessions").await, users.count("refresh_tokens").await),
        (0, 0)
    );
}
