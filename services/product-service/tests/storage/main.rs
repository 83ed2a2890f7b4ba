//! Pictures in a bucket whose server is killed, comes back, loses the bucket or refuses. Run by `scripts/storage.sh`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in what its tests share"
)]

#[path = "../it/buckets.rs"]
mod buckets;
#[expect(dead_code, reason = "written for the tests in tests/it")]
#[path = "../it/harness.rs"]
mod harness;
#[expect(dead_code, reason = "written for the tests in tests/it")]
#[path = "../it/pictures.rs"]
mod pictures;
mod server;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use product_service::ops::pictures::sweep;
use product_service::{Bucket, ImageStore, Storage};
use runtime::{App, Clock as _, Secret};
use serde_json::json;
use time::macros::datetime;
use types::TestClock;
use wire::code;

use crate::harness::Shop;
use crate::pictures::{path, photo, upload};
use crate::server::Server;

/// Why a start is refused, if it is.
async fn refusal(bucket: Bucket) -> Option<String> {
    let clock = Arc::new(TestClock::at(datetime!(2026-06-01 12:00 UTC)));
    let opened = Storage::open(ImageStore::Bucket(bucket), clock).await;
    opened.err().map(|error| error.to_string())
}

// OPS-1
#[tokio::test]
async fn a_bucket_that_was_away_is_used_again_as_soon_as_it_is_back() {
    let mut server = Server::start().await;
    let shop = Shop::open_at(ImageStore::Bucket(buckets::at(server.port))).await;
    let id = shop.stocks("Mug", 3).await;
    let kept = upload(shop.seller(), id, &photo(20, 20, 1)).await.is(200).json;
    let address = path(&kept["imageUrl"]);
    shop.get(&address).await.is(200);

    server.kill().await;
    for _ in 0..6 {
        shop.get(&address).await.refuses(code::STORAGE_UNAVAILABLE);
    }
    upload(shop.seller(), id, &photo(20, 20, 2))
        .await
        .refuses(code::STORAGE_UNAVAILABLE);
    shop.get("/ready").await.is(200);

    server.run().await;
    // As long as it is left alone after failures.
    shop.clock.advance(Duration::from_secs(5));
    shop.get(&address).await.is(200);
    let second = upload(shop.seller(), id, &photo(20, 20, 2)).await.is(200).json;
    let product = shop.get(&format!("/products/{id}")).await.is(200).json;
    assert_eq!(product["images"], json!([kept["imageUrl"], second["imageUrl"]]));
}

// OPS-1
#[tokio::test]
async fn how_the_bucket_is_is_told_as_soon_as_it_is_looked_at() {
    let mut server = Server::start().await;
    let shop = Shop::open_at(ImageStore::Bucket(buckets::at(server.port))).await;
    // Each process tells for a while what it has seen, so each is asked once.
    let [up, down, back] = [
        shop.another_process().await,
        shop.another_process().await,
        shop.another_process().await,
    ];
    let told = async |process: &App, health: &str, bucket: &str| {
        let request = Request::get("/health/all").body(Body::empty()).unwrap();
        let told = Shop::send_to(process, request).await.is(200).json;
        assert_eq!(
            told,
            json!({"status": health, "service": "product-service",
                "dependencies": {"image-storage": {"status": bucket}}})
        );
    };
    told(&up, "ok", "ok").await;
    server.kill().await;
    told(&down, "degraded", "unreachable").await;
    server.run().await;
    told(&back, "ok", "ok").await;
    std::fs::remove_dir_all(server.files().join("pictures")).unwrap();
    told(&shop.app, "degraded", "refused").await;
}

// OPS-1
#[tokio::test]
async fn a_bucket_that_is_lost_while_the_shop_runs_is_said_with_what_to_do() {
    let server = Server::start().await;
    let shop = Shop::open_at(ImageStore::Bucket(buckets::at(server.port))).await;
    let id = shop.stocks("Mug", 3).await;
    let storage = Storage::open(shop.store.clone(), shop.clock.clone())
        .await
        .unwrap();
    std::fs::remove_dir_all(server.files().join("pictures")).unwrap();
    upload(shop.seller(), id, &photo(20, 20, 1))
        .await
        .refuses(code::STORAGE_UNAVAILABLE);
    let failed = sweep(&shop.db.pool, &storage, shop.clock.now())
        .await
        .unwrap_err();
    let why = failed.source().unwrap().to_string();
    assert!(
        why.starts_with("S3_BUCKET:") && why.contains("no bucket `pictures`; make it there"),
        "{why}"
    );
}

// OPS-3
#[tokio::test]
async fn a_bucket_that_answers_and_cannot_be_used_is_said_at_start() {
    let server = Server::start().await;
    let right = buckets::at(server.port);
    assert_eq!(refusal(right.clone()).await, None);
    let wrong = |change: fn(&mut Bucket)| {
        let mut bucket = right.clone();
        change(&mut bucket);
        refusal(bucket)
    };
    let why = wrong(|b| b.name = "photographs".to_owned()).await.unwrap();
    assert!(
        why.starts_with("S3_BUCKET:") && why.contains("no bucket `photographs`"),
        "{why}"
    );
    let why = wrong(|b| b.access_key = Secret::new("nobody-0123"))
        .await
        .unwrap();
    assert!(
        why.starts_with("S3_ACCESS_KEY:") && !why.contains("nobody-0123"),
        "{why}"
    );
    let why = wrong(|b| b.secret_key = Secret::new("guess-0123")).await.unwrap();
    assert!(
        why.starts_with("S3_SECRET_KEY:") && !why.contains("guess-0123"),
        "{why}"
    );
}
