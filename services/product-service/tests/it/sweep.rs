//! What becomes of pictures that no product names.

use std::time::Duration;

use product_service::ops::pictures::sweep;
use product_service::{ImageStore, Storage};
use serde_json::json;
use time::OffsetDateTime;
use wire::code;

use crate::harness::Shop;
use crate::images::{path, photo, upload};

const DAY: Duration = Duration::from_secs(86_400);

async fn storage(shop: &Shop) -> Storage {
    Storage::open(shop.store.clone(), shop.clock.clone())
        .await
        .unwrap()
}

async fn swept(shop: &Shop) -> u64 {
    use types::Clock as _;
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
async fn what_the_database_knows_nothing_of_goes_as_well_once_it_is_old() {
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
    let foreign = storage(&shop).await;

    let real = OffsetDateTime::from(
        std::fs::metadata(std::env::current_exe().unwrap())
            .unwrap()
            .modified()
            .unwrap(),
    );
    let soon = sweep(&shop.db.pool, &foreign, real).await.unwrap();
    assert_eq!(soon, 0, "younger than a day");
    let years = real + DAY * 365 * 10;
    assert_eq!(sweep(&shop.db.pool, &foreign, years).await.unwrap(), 1);
    shop.get(&path(&orphan["imageUrl"]))
        .await
        .refuses(code::IMAGE_NOT_FOUND);
    shop.get(&path(&kept["imageUrl"])).await.is(200);
}

// IMG-3
#[tokio::test]
async fn a_deletion_that_was_cut_off_is_taken_up_and_meanwhile_nobody_uploads_into_it() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 1).await;
    let one = photo(40, 40, 7);
    let kept = upload(shop.seller(), mug, &one).await.is(200).json;
    let none = json!({"images": []});
    shop.seller().put(&format!("/products/{mug}"), none).await.is(200);
    // Doomed, and then the process was gone.
    sqlx::query("update pictures set doomed_at = used_at")
        .execute(&shop.db.pool)
        .await
        .unwrap();
    let refused = upload(shop.seller(), mug, &one).await.refuses(code::BUSY);
    assert_eq!(refused.header("retry-after"), "2");
    let back = json!({"images": [kept["imageUrl"]]});
    shop.seller()
        .put(&format!("/products/{mug}"), back)
        .await
        .refuses(code::INVALID);
    assert_eq!(swept(&shop).await, 1);
    upload(shop.seller(), mug, &one).await.is(200);
    shop.get(&path(&kept["imageUrl"])).await.is(200);
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
