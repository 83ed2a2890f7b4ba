//! Selling.

use http::Method;
use serde_json::json;
use souk_test_shop::Shop;

// CAT-4, CAT-7
pub async fn a_seller_manages_own_products_only(shop: &Shop) {
    let (seller, rival, customer) = (shop.seller().await, shop.seller().await, shop.customer().await);
    let id = seller.sells("Own lamp", "30.00", 2).await;
    let path = format!("/api/products/{id}");
    drop(
        rival
            .api
            .put(&path, &json!({"price": "0.01"}))
            .await
            .refused(403, "forbidden"),
    );
    drop(rival.api.delete(&path).await.refused(403, "forbidden"));
    drop(
        customer
            .api
            .post("/api/products", &json!({"name": "x", "price": 1}))
            .await
            .refused(403, "forbidden"),
    );
    drop(
        shop.api
            .put(&path, &json!({"price": "0.01"}))
            .await
            .refused(401, "unauthenticated"),
    );

    let body = json!({"price": 31.5, "stock_quantity": 9, "sellerId": rival.id, "id": 1, "reserved": 99});
    let changed = seller.api.put(&path, &body).await.expect(200);
    assert_eq!(changed.at("/price"), "31.50");
    assert_eq!(changed.at("/stockQuantity"), 9);
    assert_eq!(changed.at("/sellerId"), seller.id);

    let stale = seller.api.with("if-match", "\"v0\"");
    drop(
        stale
            .put(&path, &json!({"price": 1}))
            .await
            .refused(412, "precondition-failed"),
    );
    for price in [
        json!("19.999"),
        json!(-1),
        json!("1e3"),
        json!("abc"),
        json!(true),
    ] {
        let answer = seller
            .api
            .put(&path, &json!({"price": price}))
            .await
            .refused(422, "invalid-request");
        assert_eq!(answer.at("/errors/0/pointer"), "/price", "{price}");
    }
}

// CAT-5, ORD-4, ORD-5
pub async fn a_deleted_product_cannot_be_ordered_and_old_orders_still_name_it(shop: &Shop) {
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let id = seller.sells("Fleeting vase", "8.00", 5).await;
    let order = customer.orders(&[(id, 1)]).await.expect(201).at("/id");
    drop(
        seller
            .api
            .put(&format!("/api/products/{id}"), &json!({"price": "99.00"}))
            .await
            .expect(200),
    );
    drop(
        seller
            .api
            .delete(&format!("/api/products/{id}"))
            .await
            .expect(200),
    );
    drop(
        shop.api
            .get(&format!("/api/products/{id}"))
            .await
            .refused(404, "product-not-found"),
    );
    drop(
        customer
            .orders(&[(id, 1)])
            .await
            .refused(422, "product-unavailable"),
    );
    let old = customer
        .api
        .get(&format!("/api/orders/{order}"))
        .await
        .expect(200);
    assert_eq!(old.at("/items/0/name"), "Fleeting vase");
    assert_eq!(old.at("/items/0/unitPrice"), "8.00");
}

// IMG-1
pub async fn a_picture_is_kept_and_served_and_what_is_none_is_refused(shop: &Shop) {
    let seller = shop.seller().await;
    let id = seller.sells("Pictured plate", "14.00", 5).await;
    let path = format!("/api/products/{id}/upload-image");
    let upload = async |file: &[u8]| {
        let mut body = b"--line\r\nContent-Disposition: form-data; name=\"image\"; filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\n".to_vec();
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--line--\r\n");
        let kind = Some("multipart/form-data; boundary=line");
        seller
            .api
            .try_send(Method::POST, &path, kind, body)
            .await
            .expect("an answer")
    };
    // A whole PNG of one pixel.
    let png: &[u8] = &[
        137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0,
        31, 21, 196, 137, 0, 0, 0, 13, 73, 68, 65, 84, 120, 218, 99, 100, 248, 207, 80, 15, 0, 3, 134, 1,
        128, 90, 52, 125, 107, 0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
    ];
    let kept = upload(png).await.expect(200);
    let url = kept.at("/imageUrl");
    let url = url.as_str().unwrap_or_default();
    let served = shop.api.get(&picture_path(url)).await.expect(200);
    assert_eq!(served.header("content-type"), "image/jpeg");
    for size in ["thumb", "card", "full"] {
        for (format, media_type) in [("webp", "image/webp"), ("jpeg", "image/jpeg")] {
            let url = kept.at(&format!("/picture/{size}/{format}"));
            let served = shop
                .api
                .get(&picture_path(url.as_str().unwrap_or_default()))
                .await
                .expect(200);
            assert_eq!(served.header("content-type"), media_type);
            assert_eq!(
                served.header("cache-control"),
                "public, max-age=31536000, immutable"
            );
        }
    }
    for none in [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"MZ\x90", b""] {
        drop(upload(none).await.refused(415, "unsupported-media-type"));
    }
    let cut = png.get(..40).unwrap_or_default();
    drop(upload(cut).await.refused(422, "invalid-image"));
}

/// The path of a picture's URL, which may be absolute.
fn picture_path(url: &str) -> String {
    url.find("/api/")
        .and_then(|at| url.get(at..))
        .unwrap_or(url)
        .to_owned()
}
