//! Storage that is away, wrong or full: pictures are refused, and nothing else is.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use product_service::ops::pictures::sweep;
use product_service::{Bucket, Config, ImageStore, Storage};
use runtime::{Clock as _, Settings};
use serde_json::json;
use time::macros::datetime;
use tokio_util::task::TaskTracker;
use types::TestClock;
use wire::code;

use crate::buckets;
use crate::harness::Shop;
use crate::pictures::{noise, path, photo, upload};
use crate::sweep::storage;

/// A folder for pictures, which the test removes.
fn own_dir() -> PathBuf {
    std::env::temp_dir().join(format!("souk-pictures-{}", uuid::Uuid::now_v7()))
}

/// Why a start is refused, if it is.
async fn refusal(bucket: Bucket) -> Option<String> {
    let clock = Arc::new(TestClock::at(datetime!(2026-06-01 12:00 UTC)));
    let opened = Storage::open(ImageStore::Bucket(bucket), clock).await;
    opened.err().map(|error| error.to_string())
}

// OPS-1
#[tokio::test]
async fn while_the_bucket_is_away_only_pictures_are_refused() {
    let bucket = buckets::at(buckets::free_port());
    let shop = Shop::open_at(ImageStore::Bucket(bucket)).await;
    let id = shop.stocks("Mug", 3).await;
    let nothing = format!("/images/{}-card.webp", "0".repeat(64));
    let served = async |times: u8| {
        for _ in 0..times {
            let refused = shop.get(&nothing).await.refuses(code::STORAGE_UNAVAILABLE);
            assert_eq!(refused.header("retry-after"), "5");
        }
    };
    served(1).await;
    let refused = upload(shop.seller(), id, &photo(20, 20, 1))
        .await
        .refuses(code::STORAGE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), "5");
    assert!(
        !refused.json.to_string().contains("127.0.0.1"),
        "it tells where the storage is"
    );
    // It is left alone by now, and the answer the same.
    served(5).await;
    // Whoever has a picture is told so all the same.
    let tag = format!("\"{}\"", nothing.trim_start_matches("/images/"));
    shop.anyone()
        .with("if-none-match", tag)
        .get(&nothing)
        .await
        .is(304);

    shop.get("/ready").await.is(200);
    let health = shop.get("/health/all").await.is(200).json;
    assert_eq!(health["status"], "degraded");
    assert_eq!(
        health["dependencies"],
        json!({"image-storage": {"status": "unreachable"}})
    );
    let product = shop.get(&format!("/products/{id}")).await.is(200).json;
    assert_eq!(product["images"], json!([]));
    shop.hold(1, [(id, 1)]).await.unwrap();
    shop.seller()
        .put(&format!("/products/{id}"), json!({"price": "2.00"}))
        .await
        .is(200);
}

// OPS-1
#[tokio::test]
async fn a_folder_that_is_gone_is_told_and_the_catalogue_goes_on() {
    let dir = own_dir();
    let shop = Shop::open_at(ImageStore::Folder(dir.clone())).await;
    std::fs::remove_dir_all(dir).unwrap();
    let health = shop.get("/health/all").await.is(200).json;
    assert_eq!(
        health,
        json!({"status": "degraded", "service": "product-service",
            "dependencies": {"image-storage": {"status": "missing"}}})
    );
    shop.get("/ready").await.is(200);
    shop.get("/products").await.is(200);
}

// OPS-1
#[tokio::test]
async fn a_bucket_that_takes_calls_and_never_answers_is_said_in_time() {
    let port = buckets::free_port();
    // It is down while the shop starts, which would wait for it as well.
    let shop = Shop::open_at(ImageStore::Bucket(buckets::at(port))).await;
    let id = shop.stocks("Mug", 3).await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let calls = async {
        let mut held = Vec::new();
        loop {
            held.push(listener.accept().await.unwrap());
        }
    };
    let began = Instant::now();
    let read = async {
        let nothing = format!("/images/{}-card.webp", "0".repeat(64));
        shop.get(&nothing).await.refuses(code::STORAGE_UNAVAILABLE);
        began.elapsed()
    };
    let write = async {
        let refused = upload(shop.seller(), id, &photo(20, 20, 1)).await;
        refused.refuses(code::STORAGE_UNAVAILABLE);
        began.elapsed()
    };
    let (read, write) = tokio::select! {
        () = calls => panic!("calls end"),
        waited = futures::future::join(read, write) => waited,
    };
    let silent = Duration::from_secs(2)..;
    // Both before the gateway, which waits for 5 and for 30 seconds.
    assert!(
        silent.contains(&read) && read < Duration::from_secs(4),
        "{read:?}"
    );
    assert!(
        silent.contains(&write) && write < Duration::from_secs(11),
        "{write:?}"
    );
    shop.get("/ready").await.is(200);
}

// OPS-3
#[tokio::test]
async fn what_does_not_speak_s3_is_said_at_start_and_what_fails_is_waited_for() {
    let serve = async |status: u16| {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = move || async move { (http::StatusCode::from_u16(status).unwrap(), "<html>") };
        let server = TaskTracker::new().spawn(async move {
            axum::serve(listener, Router::new().fallback(answer))
                .await
                .unwrap();
        });
        let why = refusal(buckets::at(port)).await;
        server.abort();
        why
    };
    let why = serve(404).await.unwrap();
    assert!(
        why.starts_with("S3_ENDPOINT:") && why.contains("does not speak S3"),
        "{why}"
    );
    assert_eq!(serve(502).await, None);
}

// OPS-3
#[test]
fn what_is_wrong_with_the_settings_of_a_bucket_is_said_all_at_once() {
    let said = |pairs: &[(&str, &str)]| {
        let base = [("DATABASE_URL", "postgres://x/y")];
        let pairs = base
            .iter()
            .chain(pairs)
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let mut settings = Settings::of(pairs, None);
        let config = Config::read(&mut settings);
        (config, settings.finish().err().map(|e| e.0).unwrap_or_default())
    };
    let (_, wrong) = said(&[
        ("S3_ENDPOINT", "minio:9000"),
        ("IMAGE_BASE_URL", "cdn.example/images"),
    ]);
    let names: Vec<&str> = wrong.iter().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(
        names,
        [
            "IMAGE_BASE_URL",
            "S3_ENDPOINT",
            "S3_BUCKET",
            "S3_ACCESS_KEY",
            "S3_SECRET_KEY"
        ],
        "{wrong:#?}"
    );
    let (_, wrong) = said(&[
        ("S3_ENDPOINT", "https://me:secret@s3.example"),
        ("S3_BUCKET", "My Bucket"),
        ("S3_ACCESS_KEY", "k"),
        ("S3_SECRET_KEY", "s"),
    ]);
    assert_eq!(wrong.len(), 2, "{wrong:#?}");
    // Without an endpoint the others mean nothing, as the files of a stack give them.
    let (config, wrong) = said(&[("S3_BUCKET", "souk-images"), ("S3_ENDPOINT", "")]);
    assert!(
        wrong.is_empty() && matches!(config.images.store, ImageStore::Folder(_)),
        "{wrong:#?}"
    );
}

/// A file system with room for so much, until it is dropped. Making one takes root, or `sudo` that asks for no password.
struct Small(PathBuf);

impl Small {
    fn mount(size: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("souk-small-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&dir).unwrap();
        let options = format!("size={size},mode=0777");
        let mounted = as_root(&["mount", "-t", "tmpfs", "-o", &options, "souk-test"], &dir);
        assert!(
            mounted,
            "a small file system cannot be mounted: run the tests as root, or allow `sudo -n mount`"
        );
        Self(dir)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        as_root(&["umount", "--lazy"], &self.0);
        let _ = std::fs::remove_dir(&self.0);
    }
}

fn as_root(command: &[&str], dir: &Path) -> bool {
    [&[][..], &["sudo", "-n"]].iter().any(|before| {
        let words: Vec<&str> = before.iter().chain(command).copied().collect();
        let (program, args) = words.split_first().unwrap();
        let done = Command::new(program).args(args).arg(dir).output();
        done.is_ok_and(|done| done.status.success())
    })
}

// IMG-2
#[tokio::test]
async fn a_full_disk_is_said_and_leaves_no_half_of_a_picture() {
    let disk = Small::mount("256k");
    let shop = Shop::open_at(ImageStore::Folder(disk.0.clone())).await;
    let id = shop.stocks("Mug", 1).await;
    let kept = upload(shop.seller(), id, &photo(20, 20, 1)).await.is(200).json;
    let files = || {
        let entries = std::fs::read_dir(&disk.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = entries.collect();
        names.sort();
        names
    };
    let before = files();
    assert_eq!(before.len(), 6);
    let large = noise(1_200);
    upload(shop.seller(), id, &large)
        .await
        .refuses(code::STORAGE_FULL);
    assert_eq!(files(), before);

    // All else works, and smaller ones still fit.
    shop.get(&path(&kept["imageUrl"])).await.is(200);
    shop.get("/ready").await.is(200);
    upload(shop.seller(), id, &photo(20, 20, 2)).await.is(200);
    let product = shop.get(&format!("/products/{id}")).await.is(200).json;
    assert_eq!(product["images"].as_array().unwrap().len(), 2);
    // There is room again.
    as_root(&["mount", "-o", "remount,size=16m"], &disk.0);
    upload(shop.seller(), id, &large).await.is(200);
}

// OPS-3
#[tokio::test]
async fn a_folder_in_which_nothing_can_be_written_is_said_at_start() {
    let disk = Small::mount("256k");
    assert!(as_root(&["mount", "-o", "remount,ro"], &disk.0));
    let clock = Arc::new(TestClock::at(datetime!(2026-06-01 12:00 UTC)));
    let opened = Storage::open(ImageStore::Folder(disk.0.clone()), clock).await;
    let why = opened.err().map(|error| error.to_string()).unwrap();
    assert!(
        why.starts_with("IMAGE_DIR: /")
            && why.contains("Read-only file system")
            && why.contains("another folder"),
        "{why}"
    );
}

// OPS-1
#[tokio::test]
async fn a_folder_that_cannot_be_used_any_more_is_said_with_what_to_do() {
    let disk = Small::mount("256k");
    let shop = Shop::open_at(ImageStore::Folder(disk.0.clone())).await;
    let id = shop.stocks("Mug", 1).await;
    upload(shop.seller(), id, &photo(20, 20, 1)).await.is(200);
    let none = json!({"images": []});
    shop.seller().put(&format!("/products/{id}"), none).await.is(200);
    shop.clock.advance(Duration::from_secs(2 * 86_400));
    let storage = storage(&shop).await;
    assert!(as_root(&["mount", "-o", "remount,ro"], &disk.0));
    upload(shop.seller(), id, &photo(20, 20, 2))
        .await
        .refuses(code::STORAGE_UNAVAILABLE);
    let failed = sweep(&shop.db.pool, &storage, shop.clock.now())
        .await
        .unwrap_err();
    let why = failed.source().unwrap().to_string();
    assert!(
        why.starts_with("IMAGE_DIR: /")
            && why.contains("Read-only")
            && why.contains("write and delete there"),
        "{why}"
    );
}

// OPS-1
#[tokio::test]
async fn a_folder_that_fails_is_not_said_to_lack_permissions() {
    let dir = own_dir();
    let shop = Shop::open_at(ImageStore::Folder(dir.clone())).await;
    let id = shop.stocks("Mug", 1).await;
    let kept = upload(shop.seller(), id, &photo(20, 20, 1)).await.is(200).json;
    let none = json!({"images": []});
    shop.seller().put(&format!("/products/{id}"), none).await.is(200);
    shop.clock.advance(Duration::from_secs(2 * 86_400));
    let storage = storage(&shop).await;
    // It cannot be deleted as a file is.
    let file = dir.join(kept["image"].as_str().unwrap());
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let failed = sweep(&shop.db.pool, &storage, shop.clock.now())
        .await
        .unwrap_err();
    let why = runtime::with_causes(&failed);
    assert!(
        why.contains("the storage of images failed") && why.contains("Is a directory"),
        "{why}"
    );
    assert!(!why.contains("IMAGE_DIR"), "{why}");
    std::fs::remove_dir_all(dir).unwrap();
}
