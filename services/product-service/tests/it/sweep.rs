//! What becomes of pictures that no product names.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use product_service::ops::pictures::sweep;
use product_service::{ImageStore, Storage};
use serde_json::json;
use time::OffsetDateTime;
use types::Clock as _;
use wire::code;

use crate::harness::Shop;
use crate::pictures::{path, photo, upload};

const DAY: Duration = Duration::from_secs(86_400);

pub async fn storage(shop: &Shop) -> Storage {
    Storage::open(shop.store.clone(), shop.clock.clone())
        .await
        .unwrap()
}

async fn swept(shop: &Shop) -> u64 {
    sweep(&shop.db.pool, &storage(shop).await, shop.clock.now())
        .await
        .unwrap()
}

// IMG-3
#[tokio::test]
async fn a_picture_goes_a_day_after_the_last_product_has_let_go_of_it() {
    let shop = Shop::open().await;
    let (mug, cup) = (shop.stocks("Mug", 1).await, shop.stocks("Cup", 1).await);
    let (one, two) = (photo(40, 40, 1), photo(40, 40, 2));
    let shared = upload(shop.seller(), mug, &one).await.is(200).json;
    upload(shop.seller(), cup, &one).await.is(200);
    let kept = upload(shop.seller(), mug, &two).await.is(200).json;
    shop.clock.advance(DAY * 2);
    assert_eq!(swept(&shop).await, 0, "named, however old");

    let only = json!({"images": [kept["imageUrl"]]});
    shop.seller().put(&format!("/products/{mug}"), only).await.is(200);
    assert_eq!(swept(&shop).await, 0, "another product names it");
    let none = json!({"images": []});
    shop.seller().put(&format!("/products/{cup}"), none).await.is(200);
    assert_eq!(swept(&shop).await, 1);
    for size in ["thumb", "card", "full"] {
        for format in ["webp", "jpeg"] {
            shop.get(&path(&shared["picture"][size][format]))
                .await
                .refuses(code::IMAGE_NOT_FOUND);
            shop.get(&path(&kept["picture"][size][format])).await.is(200);
        }
    }
    // It can be named no more, and uploaded again.
    let back = json!({"images": [shared["imageUrl"]]});
    shop.seller()
        .put(&format!("/products/{cup}"), back)
        .await
        .refuses(code::INVALID);
    let again = upload(shop.seller(), cup, &one).await.is(200).json;
    assert_eq!(again, shared);
    shop.get(&path(&shared["imageUrl"])).await.is(200);
    assert_eq!(swept(&shop).await, 0);
}

// IMG-3
#[tokio::test]
async fn a_picture_that_was_just_stored_is_left_although_nobody_names_it_yet() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 1).await;
    let kept = upload(shop.seller(), mug, &photo(40, 40, 3)).await.is(200).json;
    let none = json!({"images": []});
    shop.seller().put(&format!("/products/{mug}"), none).await.is(200);
    shop.clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(swept(&shop).await, 0);
    // Named again in time, it stays.
    let back = json!({"images": [kept["imageUrl"]]});
    shop.seller().put(&format!("/products/{mug}"), back).await.is(200);
    shop.clock.advance(DAY * 5);
    assert_eq!(swept(&shop).await, 0);
}

// IMG-3
#[tokio::test]
async fn the_pictures_of_a_deleted_product_go_after_a_month() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 1).await;
    let kept = upload(shop.seller(), mug, &photo(40, 40, 4)).await.is(200).json;
    shop.seller().delete(&format!("/products/{mug}")).await.is(200);
    shop.clock.advance(DAY * 29);
    assert_eq!(swept(&shop).await, 0);
    shop.get(&path(&kept["imageUrl"])).await.is(200);
    shop.clock.advance(DAY * 2);
    assert_eq!(swept(&shop).await, 1);
    shop.get(&path(&kept["imageUrl"]))
        .await
        .refuses(code::IMAGE_NOT_FOUND);
}

// IMG-3
#[tokio::test]
async fn what_the_database_knows_nothing_of_goes_as_well_a_day_after_it_was_found() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 1).await;
    let kept = upload(shop.seller(), mug, &photo(40, 40, 5)).await.is(200).json;
    let orphan = upload(shop.seller(), mug, &photo(40, 40, 6)).await.is(200).json;
    // As after a restore of a database that was saved before.
    let only = json!({"images": [kept["imageUrl"]]});
    shop.seller().put(&format!("/products/{mug}"), only).await.is(200);
    sqlx::query("delete from pictures")
        .execute(&shop.db.pool)
        .await
        .unwrap();
    assert_eq!(swept(&shop).await, 0, "found a moment ago");
    shop.clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(swept(&shop).await, 0, "found less than a day ago");
    shop.clock.advance(Duration::from_secs(2));
    assert_eq!(swept(&shop).await, 1);
    shop.get(&path(&orphan["imageUrl"]))
        .await
        .refuses(code::IMAGE_NOT_FOUND);
    shop.get(&path(&kept["imageUrl"])).await.is(200);
}

/// Pictures that are doomed and of which all files are still there, as when a process is gone before it deletes them.
async fn cut_off(shop: &Shop, product: i64, seeds: &[u8]) -> Vec<serde_json::Value> {
    let mut kept = Vec::new();
    for seed in seeds {
        let answer = upload(shop.seller(), product, &photo(40, 40, *seed)).await;
        kept.push(answer.is(200).json);
    }
    let none = json!({"images": []});
    shop.seller()
        .put(&format!("/products/{product}"), none)
        .await
        .is(200);
    sqlx::query("update pictures set doomed_at = used_at")
        .execute(&shop.db.pool)
        .await
        .unwrap();
    kept
}

// IMG-3
#[tokio::test]
async fn a_deletion_that_was_cut_off_is_taken_up_and_meanwhile_nobody_names_what_is_half_gone() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 1).await;
    let kept = cut_off(&shop, mug, &[7]).await.remove(0);
    let back = json!({"images": [kept["imageUrl"]]});
    shop.seller()
        .put(&format!("/products/{mug}"), back)
        .await
        .refuses(code::INVALID);
    assert_eq!(swept(&shop).await, 1);
    shop.get(&path(&kept["imageUrl"]))
        .await
        .refuses(code::IMAGE_NOT_FOUND);
}

// IMG-3
#[tokio::test]
async fn a_picture_whose_deletion_was_cut_off_can_be_uploaded_again_at_once() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 1).await;
    let kept = cut_off(&shop, mug, &[8]).await.remove(0);
    let again = upload(shop.seller(), mug, &photo(40, 40, 8)).await.is(200).json;
    assert_eq!(again, kept);
    shop.clock.advance(DAY * 2);
    assert_eq!(swept(&shop).await, 0, "it is named");
    shop.get(&path(&kept["imageUrl"])).await.is(200);
}

// IMG-3
#[tokio::test]
async fn of_two_sweepers_one_deletes_and_what_it_is_at_cannot_be_uploaded_under_its_hands() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 1).await;
    let kept = cut_off(&shop, mug, &[9, 10]).await;
    let pictures: Vec<String> = sqlx::query_scalar("select id from pictures order by id")
        .fetch_all(&shop.db.pool)
        .await
        .unwrap();
    // The first one gets stuck at the first picture, and has the second one in its hands.
    let mut stuck = pg::begin(&shop.db.pool).await.unwrap();
    sqlx::query("select from pictures where id = $1 for update")
        .bind(&pictures[0])
        .execute(&mut *stuck)
        .await
        .unwrap();
    let (pool, files, now) = (shop.db.pool.clone(), storage(&shop).await, shop.clock.now());
    let first = async { sweep(&pool, &files, now).await.unwrap() };
    let second = async {
        let waits = async {
            let sql = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
            while sqlx::query_scalar::<_, i64>(sql)
                .fetch_one(&shop.db.pool)
                .await
                .unwrap()
                == 0
            {}
        };
        tokio::time::timeout(Duration::from_secs(20), waits)
            .await
            .unwrap();
        let other = tokio::time::timeout(Duration::from_secs(20), swept(&shop)).await;
        assert_eq!(other.unwrap(), 0, "one is at it");
        let last = kept
            .iter()
            .position(|kept| kept["image"].as_str().unwrap().starts_with(&pictures[1]));
        let last = photo(40, 40, if last == Some(0) { 9 } else { 10 });
        let refused = upload(shop.seller(), mug, &last).await.refuses(code::BUSY);
        assert_eq!(refused.header("retry-after"), "2");
        stuck.rollback().await.unwrap();
        last
    };
    let (swept_by_first, last) = tokio::join!(first, second);
    assert_eq!(swept_by_first, 2);
    let again = upload(shop.seller(), mug, &last).await.is(200).json;
    assert_eq!(swept(&shop).await, 0, "the next one may");
    shop.get(&path(&again["imageUrl"])).await.is(200);
}

#[tokio::test]
async fn a_listing_of_many_files_counts_as_one_call() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 1).await;
    for seed in 11..14 {
        upload(shop.seller(), mug, &photo(40, 40, seed)).await.is(200);
    }
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _counting = metrics::set_default_local_recorder(&recorder);
    assert_eq!(swept(&shop).await, 0);
    let line =
        "image_storage_calls_total{service=\"product-service\",operation=\"list\",outcome=\"done\"} 1\n";
    assert!(handle.render().contains(line), "{}", handle.render());
}

// IMG-3
#[tokio::test]
async fn halves_of_files_are_cleared_away_when_they_are_old() {
    let dir = std::env::temp_dir().join(format!("souk-drafts-{}", uuid::Uuid::now_v7()));
    let shop = Shop::open_at(ImageStore::Folder(dir.clone())).await;
    let half = dir.join(format!("{}-full.jpg#1", "0".repeat(64)));
    let other = dir.join("README");
    std::fs::write(&half, b"half").unwrap();
    std::fs::write(&other, b"not ours").unwrap();
    let written = OffsetDateTime::from(std::fs::metadata(&half).unwrap().modified().unwrap());
    let storage = storage(&shop).await;
    sweep(&shop.db.pool, &storage, written + Duration::from_secs(60))
        .await
        .unwrap();
    assert!(half.exists(), "somebody may be writing it");
    sweep(&shop.db.pool, &storage, written + DAY * 2).await.unwrap();
    assert!(!half.exists() && other.exists());
    std::fs::remove_dir_all(dir).unwrap();
}
