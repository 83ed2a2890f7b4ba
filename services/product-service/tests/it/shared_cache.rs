//! Two processes of the service, one database and one Redis between them.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use cache::testing::RedisServer;
use runtime::App;
use serde_json::json;

use crate::harness::{Answer, Shop};

async fn get(app: &App, path: &str) -> Answer {
    Shop::send_to(app, Request::get(path).body(Body::empty()).unwrap()).await
}

/// Waits until `app` shows `product` with this name; its clock stands, so that no time to live can have done it.
async fn shows(app: &App, product: i64, name: &str) {
    let look = async {
        while get(app, &format!("/products/{product}")).await.json["name"] != name
            || !get(app, "/products").await.names().contains(&name)
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(1), look)
        .await
        .expect("shown within a second");
}

// CAT-10
#[tokio::test]
async fn a_change_made_in_one_process_shows_in_the_other_within_a_second() {
    let server = RedisServer::start();
    let shop = Shop::open_sharing(Some(server.url())).await;
    let other = shop.another_process().await;
    let id = shop.stocks("First", 5).await;
    shows(&other, id, "First").await;
    let health = get(&other, "/health/all").await.json;
    assert_eq!(health["dependencies"]["redis"]["status"], "ok", "{health}");
    let renamed = json!({"name": "Second"});
    shop.seller()
        .put(&format!("/products/{id}"), renamed)
        .await
        .is(200);
    let own = shop.get(&format!("/products/{id}")).await;
    assert_eq!(own.json["name"], "Second", "a writer reads its own write");
    assert_eq!(shop.get("/products").await.names(), ["Second"]);
    shows(&other, id, "Second").await;

    shop.hold(1, [(id, 2)]).await.unwrap();
    let own = shop.get(&format!("/products/{id}")).await;
    assert_eq!(own.json["stockQuantity"], 3);
    shop.seller().delete(&format!("/products/{id}")).await.is(200);
    let gone = async { while get(&other, &format!("/products/{id}")).await.status != 404 {} };
    tokio::time::timeout(Duration::from_secs(1), gone).await.unwrap();
    assert!(get(&other, "/products").await.names().is_empty());
}

// CAT-10
#[tokio::test]
async fn one_that_is_made_is_there_though_it_was_just_asked_for_in_vain() {
    let server = RedisServer::start();
    let shop = Shop::open_sharing(Some(server.url())).await;
    let other = shop.another_process().await;
    for app in [&shop.app, &other] {
        assert_eq!(get(app, "/products/1").await.status, 404);
        assert!(get(app, "/products").await.names().is_empty());
    }
    assert_eq!(shop.stocks("New", 5).await, 1);
    assert_eq!(shop.get("/products/1").await.status, 200);
    shows(&other, 1, "New").await;
}

// CAT-10
#[tokio::test]
async fn killing_redis_changes_no_answer() {
    let mut server = RedisServer::start();
    let shop = Shop::open_sharing(Some(server.url())).await;
    let other = shop.another_process().await;
    let id = shop.stocks("First", 5).await;
    shows(&other, id, "First").await;
    server.kill();
    shop.seller()
        .put(&format!("/products/{id}"), json!({"name": "Second"}))
        .await
        .is(200);
    assert_eq!(shop.get(&format!("/products/{id}")).await.json["name"], "Second");
    shop.clock.advance(Duration::from_secs(1));
    assert_eq!(
        get(&other, &format!("/products/{id}")).await.json["name"],
        "Second"
    );
    assert_eq!(get(&other, "/products").await.names(), ["Second"]);
    server.restart();
    shop.clock.advance(Duration::from_secs(1));
    shows(&shop.app, id, "Second").await;
    shows(&other, id, "Second").await;
}
