//! Looking at the catalogue.

use std::collections::BTreeSet;

use souk_test_shop::Shop;

// PAG-1, PAG-2, PAG-3, PAG-5
pub async fn lists_page_by_number_and_by_cursor(shop: &Shop) {
    let seller = shop.seller().await;
    let mut made = BTreeSet::new();
    for n in 0..7 {
        made.insert(seller.sells(&format!("Paging pot {n}"), "5.00", 3).await);
    }
    let base = format!("/api/products?seller={}&sortBy=price_asc", seller.id);
    let first = shop.api.get(&format!("{base}&page=1&limit=3")).await.expect(200);
    assert_eq!(first.at("/pagination/total"), 7);
    assert_eq!(first.at("/pagination/totalPages"), 3);
    assert_eq!(first.at("/products").as_array().map(Vec::len), Some(3));

    assert!(
        first.header("link").contains("&page=2>; rel=\"next\""),
        "{first:?}"
    );

    let (mut seen, mut cursor) = (Vec::new(), first.at("/pagination/nextCursor"));
    let ids = |answer: &souk_test_shop::Answer| {
        let products = answer.at("/products").as_array().cloned().unwrap_or_default();
        products
            .iter()
            .filter_map(|p| p["id"].as_i64())
            .collect::<Vec<_>>()
    };
    seen.extend(ids(&first));
    while let Some(next) = cursor.as_str().map(str::to_owned) {
        let page = shop
            .api
            .get(&format!("{base}&limit=3&cursor={next}"))
            .await
            .expect(200);
        assert!(page.at("/pagination/total").is_null());
        seen.extend(ids(&page));
        cursor = page.at("/pagination/nextCursor");
    }
    assert_eq!(seen.len(), 7, "nothing twice");
    assert_eq!(
        seen.into_iter().collect::<BTreeSet<_>>(),
        made,
        "nothing left out"
    );

    let other = first.at("/pagination/nextCursor");
    let other = other.as_str().unwrap_or_default();
    let elsewhere = format!("/api/products?sortBy=name&limit=3&cursor={other}");
    drop(shop.api.get(&elsewhere).await.refused(400, "invalid-cursor"));
    for (query, status) in [
        ("limit=101", 422),
        ("limit=0", 422),
        ("page=-1", 422),
        ("page=x", 422),
        ("page=1000&limit=100", 400),
    ] {
        drop(
            shop.api
                .get(&format!("/api/products?{query}"))
                .await
                .expect(status),
        );
    }
}

// SRCH-1, SRCH-4, SRCH-5
pub async fn a_product_is_found_by_id_slug_and_words(shop: &Shop) {
    let seller = shop.seller().await;
    let id = seller.sells("Zinc Watering Can", "41.50", 3).await;
    let by_id = shop.api.get(&format!("/api/products/{id}")).await.expect(200);
    assert_eq!(by_id.at("/price"), "41.50");
    assert_eq!(by_id.at("/currency"), "USD");
    assert_eq!(by_id.at("/stockQuantity"), 3);
    let slug = by_id.at("/slug");
    let by_slug = shop
        .api
        .get(&format!("/api/products/{}", slug.as_str().unwrap_or_default()))
        .await;
    assert_eq!(by_slug.expect(200).at("/id"), id);

    let find = async |query: &str| {
        let answer = shop.api.get(&format!("/api/products?{query}")).await.expect(200);
        answer
            .at("/products")
            .as_array()
            .is_some_and(|all| all.iter().any(|p| p["id"] == id))
    };
    assert!(find("search=watering%20cans").await, "stemmed");
    assert!(find("search=zinc&minPrice=41.50&maxPrice=41.50&inStock=true").await);
    assert!(!find("search=zinc&maxPrice=41.49").await);
    assert!(!find("search=zinc&featured=true").await);
    for hostile in ["%25%3A*", "%27%29%3B--", "a%20%26%20%21", "%00"] {
        let answer = shop.api.get(&format!("/api/products?search={hostile}")).await;
        assert!(answer.status < 500, "{hostile}: {}", answer.status);
    }
    let long = "x".repeat(300);
    drop(
        shop.api
            .get(&format!("/api/products?search={long}"))
            .await
            .expect(422),
    );
    for path in [
        "/api/products/999999999",
        "/api/products/no-such-slug",
        "/api/products/-1",
    ] {
        drop(shop.api.get(path).await.expect(404));
    }
    let categories = shop.api.get("/api/categories").await.expect(200);
    assert!(categories.json().is_array());
}

pub async fn what_did_not_change_is_not_sent_again(shop: &Shop) {
    let seller = shop.seller().await;
    let id = seller.sells("Tagged teapot", "12.00", 5).await;
    let path = format!("/api/products/{id}");
    let first = shop.api.get(&path).await.expect(200);
    let tag = first.header("etag").to_owned();
    assert!(!tag.is_empty());
    let again = shop
        .api
        .with("if-none-match", tag.clone())
        .get(&path)
        .await
        .expect(304);
    assert!(again.bytes.is_empty());

    // STK-13: a changed stock is seen at once.
    let customer = shop.customer().await;
    drop(customer.orders(&[(id, 2)]).await.expect(201));
    let changed = shop.api.with("if-none-match", tag).get(&path).await.expect(200);
    assert_eq!(changed.at("/stockQuantity"), 3);
}
