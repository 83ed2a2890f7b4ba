//! Uploads and what becomes of them.

use axum::body::Body;
use axum::http::Method;
use serde_json::json;
use types::Role;
use wire::code;

use crate::harness::Shop;
use crate::pictures::{MULTIPART, path, photo, upload};

// IMG-2
#[tokio::test]
async fn an_upload_becomes_six_files_that_may_be_kept_for_ever() {
    let shop = Shop::open().await;
    let id = shop.stocks("Mug", 1).await;
    let wide = photo(2_100, 300, 1);
    let kept = upload(shop.seller(), id, &wide).await.is(200).json;
    assert_eq!((&kept["width"], &kept["height"]), (&json!(2_048), &json!(293)));
    assert_eq!(kept["imageUrl"], kept["picture"]["full"]["jpeg"]);
    assert!(path(&kept["imageUrl"]).ends_with(kept["image"].as_str().unwrap()));

    for (size, width, height) in [("thumb", 240, 34), ("card", 800, 114), ("full", 2_048, 293)] {
        for (format, media_type) in [("webp", "image/webp"), ("jpeg", "image/jpeg")] {
            let file = path(&kept["picture"][size][format]);
            let served = shop.get(&file).await.is(200);
            assert_eq!(served.header("content-type"), media_type);
            assert_eq!(
                served.header("cache-control"),
                "public, max-age=31536000, immutable"
            );
            assert_eq!(served.header("x-content-type-options"), "nosniff");
            let decoded = image::load_from_memory(&served.bytes).unwrap();
            assert_eq!((decoded.width(), decoded.height()), (width, height), "{file}");

            let tag = served.header("etag").to_owned();
            assert!(tag.starts_with('"'), "a weak tag: {tag}");
            for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
                let same = shop
                    .anyone()
                    .with("if-none-match", known)
                    .get(&file)
                    .await
                    .is(304);
                assert_eq!(same.header("etag"), tag);
                assert!(same.bytes.is_empty());
            }
            let other = shop.anyone().with("if-none-match", "\"x\"").get(&file).await;
            other.is(200);
        }
    }

    let product = shop.get(&format!("/products/{id}")).await.is(200).json;
    assert_eq!(product["images"], json!([kept["imageUrl"]]));
    assert_eq!(product["imageUrl"], kept["imageUrl"]);
    assert_eq!(product["pictures"], json!([kept["picture"]]));
    let listed = shop.get("/products").await.is(200).json;
    assert_eq!(listed["products"][0]["pictures"], json!([kept["picture"]]));
    assert_eq!(shop.quote(&[id]).await[0].image_url, kept["imageUrl"]);

    // The same again is the same; another one comes after it.
    let again = upload(shop.seller(), id, &wide).await.is(200).json;
    assert_eq!(again, kept);
    let second = upload(shop.seller(), id, &photo(30, 20, 2)).await.is(200).json;
    assert_eq!((&second["width"], &second["height"]), (&json!(30), &json!(20)));
    let product = shop.get(&format!("/products/{id}")).await.is(200).json;
    assert_eq!(product["images"], json!([kept["imageUrl"], second["imageUrl"]]));
}

// IMG-1
#[tokio::test]
async fn only_pictures_are_kept_and_only_for_their_seller() {
    let shop = Shop::open().await;
    let id = shop.stocks("Mug", 1).await;
    let photo = photo(20, 20, 1);
    upload(shop.user(8, Role::Seller), id, &photo)
        .await
        .refuses(code::FORBIDDEN);
    upload(shop.user(8, Role::Customer), id, &photo)
        .await
        .refuses(code::FORBIDDEN);
    for (none, word) in [
        (&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], "SVG"),
        (b"<html><script>", "HTML"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"GIF89a", "GIF"),
        (b"", "empty"),
        (b"MZ\x90", "none of them"),
    ] {
        let refused = upload(shop.seller(), id, none)
            .await
            .refuses(code::UNSUPPORTED_MEDIA_TYPE);
        let detail = refused.json["detail"].as_str().unwrap();
        assert!(
            detail.contains("a JPEG, a PNG or a WebP") && detail.contains(word),
            "{detail}"
        );
    }
    // The start of a PNG of so many pixels.
    let png = |width: u32, height: u32| {
        let mut png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR".to_vec();
        png.extend(width.to_be_bytes());
        png.extend(height.to_be_bytes());
        png.extend(b"\x08\x06\x00\x00\x00");
        png
    };
    for none in [png(2, 2), png(50_000, 50_000), photo[..photo.len() - 40].to_vec()] {
        upload(shop.seller(), id, &none)
            .await
            .refuses(code::INVALID_IMAGE);
    }
    upload(shop.seller(), id, &vec![0; 11 << 20])
        .await
        .refuses(code::TOO_LARGE);
    let form = format!("/products/{id}/upload-image");
    let no_form = shop.seller().post(&form, json!({})).await;
    assert_eq!(no_form.status.as_u16(), 415, "{}", no_form.json);
    for nowhere in [
        "/images/..%2f..%2fetc%2fpasswd",
        "/images/x.png",
        "/images/%00",
        &format!("/images/{}-full.jpg", "0".repeat(64)),
    ] {
        shop.get(nowhere).await.refuses(code::IMAGE_NOT_FOUND);
    }
    assert_eq!(
        shop.get(&format!("/products/{id}")).await.json["images"],
        json!([])
    );
}

// IMG-1
#[tokio::test]
async fn what_hides_in_a_file_is_not_served() {
    let shop = Shop::open().await;
    let id = shop.stocks("Mug", 1).await;
    let mut file = photo(300, 200, 3);
    let payload = b"PK\x03\x04<script>alert(document.cookie)</script>";
    file.extend_from_slice(payload);
    let kept = upload(shop.seller(), id, &file).await.is(200).json;
    for size in ["thumb", "card", "full"] {
        for format in ["webp", "jpeg"] {
            let served = shop.get(&path(&kept["picture"][size][format])).await.is(200);
            assert!(!served.bytes.windows(7).any(|part| part == b"<script"));
        }
    }
}

// IMG-2
#[tokio::test]
async fn more_uploads_than_there_is_memory_for_are_told_to_come_back() {
    let shop = Shop::open().await;
    let id = shop.stocks("Mug", 1).await;
    let photo = photo(20, 20, 4);
    {
        // Uploads that never end; each holds a place from when its body is asked for.
        let mut endless = Vec::new();
        let (asked, mut asks) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..8 {
            let mut asked = Some(asked.clone());
            let body = Body::from_stream(futures::stream::poll_fn(move |_| {
                if let Some(asked) = asked.take() {
                    asked.send(()).unwrap();
                }
                std::task::Poll::<Option<Result<Vec<u8>, std::io::Error>>>::Pending
            }));
            let path = format!("/products/{id}/upload-image");
            let who = shop.seller();
            endless.push(Box::pin(async move {
                who.send(Method::POST, &path, Some(MULTIPART), body).await
            }));
        }
        let mut all = futures::future::join_all(endless);
        for _ in 0..8 {
            tokio::select! {
                _ = &mut all => panic!("an endless upload has ended"),
                _ = asks.recv() => {}
            }
        }
        let refused = upload(shop.seller(), id, &photo).await.refuses(code::BUSY);
        assert_eq!(refused.header("retry-after"), "2");
        // Whoever does not upload is none of this.
        shop.get("/products").await.is(200);
    }
    upload(shop.seller(), id, &photo).await.is(200);
}

// IMG-3
#[tokio::test]
async fn a_product_names_pictures_that_are_there_by_any_of_their_addresses() {
    let shop = Shop::open().await;
    let id = shop.stocks("Mug", 1).await;
    let first = upload(shop.seller(), id, &photo(20, 20, 5)).await.is(200).json;
    let second = upload(shop.seller(), id, &photo(20, 20, 6)).await.is(200).json;
    let product = format!("/products/{id}");
    // Another order, by addresses of other files.
    let turned = json!({"images": [second["picture"]["thumb"]["webp"], first["picture"]["card"]["jpeg"]]});
    let put = shop.seller().put(&product, turned).await.is(200).json;
    assert_eq!(put["images"], json!([second["imageUrl"], first["imageUrl"]]));
    let (mut was_second, mut was_first) = (second["picture"].clone(), first["picture"].clone());
    (was_second["primary"], was_first["primary"]) = (json!(true), json!(false));
    assert_eq!(put["pictures"], json!([was_second, was_first]));

    // As a client completes them, and as a shop has them that has got a CDN since.
    let elsewhere =
        |address: &serde_json::Value| format!("https://cdn.example/x{}?v=1", address.as_str().unwrap());
    let completed = json!({"images": [elsewhere(&first["picture"]["thumb"]["jpeg"]), second["image"]]});
    let put = shop.seller().put(&product, completed).await.is(200).json;
    assert_eq!(put["images"], json!([first["imageUrl"], second["imageUrl"]]));

    let lost = format!("/api/images/{}-full.jpg", "0".repeat(64));
    let put = json!({"images": [first["imageUrl"], lost]});
    let refused = shop.seller().put(&product, put).await.refuses(code::INVALID);
    assert_eq!(refused.pointers(), ["/images/1"]);
    let new = json!({"name": "Cup", "price": "1.00", "imageUrl": lost});
    shop.seller().post("/products", new).await.refuses(code::INVALID);
    let elsewhere = json!({"images": ["https://pictures.example/mug.png"]});
    let put = shop.seller().put(&product, elsewhere).await.is(200).json;
    assert_eq!(put["pictures"], json!([]));
}

// IDK-1
#[tokio::test]
async fn an_upload_that_is_sent_twice_under_a_key_is_answered_as_the_first_time() {
    let shop = Shop::open().await;
    let id = shop.stocks("Mug", 1).await;
    let keyed = || shop.seller().with("idempotency-key", "upload-1");
    let first = upload(keyed(), id, &photo(20, 20, 7)).await.is(200);
    let again = upload(keyed(), id, &photo(20, 20, 7)).await.is(200);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.json, first.json);
    upload(keyed(), id, &photo(20, 20, 8))
        .await
        .refuses(code::IDEMPOTENCY_MISMATCH);
}
