//! The catalogue over HTTP.

use futures::future::join_all;
use serde_json::json;
use types::{Currency, Role};
use wire::code;

use crate::harness::Shop;

// CAT-4
#[tokio::test]
async fn a_write_moves_the_named_fields_and_nothing_else() {
    let shop = Shop::open().await;
    let id = shop.stocks("Mug", 10).await;
    shop.hold(1, [(id, 4)]).await.unwrap();
    let path = format!("/products/{id}");
    let before = shop.get(&path).await.is(200).json;
    for column in [
        "id",
        "sellerId",
        "seller_id",
        "reserved",
        "onHand",
        "on_hand",
        "version",
        "createdAt",
        "created_at",
        "updatedAt",
        "deleted_at",
        "deletedAt",
        "search",
        "rating",
        "order_id",
    ] {
        shop.seller().put(&path, json!({column: 424_242})).await;
        let mut after = shop.get(&path).await.is(200).json;
        after["updatedAt"] = before["updatedAt"].clone();
        assert_eq!(after, before, "{column} changed something");
    }
    // What is available is set, through the ledger: on hand is that and what is held.
    shop.seller().put(&path, json!({"stock": 3})).await.is(200);
    assert_eq!(shop.shelf(id).await, (7, 4));
    shop.check_books().await;
}

// CAT-5, CAT-7
#[tokio::test]
async fn a_product_is_its_sellers_and_is_gone_once_deleted() {
    let shop = Shop::open().await;
    let id = shop.stocks("Mug", 10).await;
    let path = format!("/products/{id}");
    let rival = shop.user(8, Role::Seller);
    rival
        .put(&path, json!({"name": "Mine"}))
        .await
        .refuses(code::FORBIDDEN);
    rival.delete(&path).await.refuses(code::FORBIDDEN);
    shop.user(9, Role::Customer)
        .post("/products", json!({"name": "x", "price": "1.00"}))
        .await
        .refuses(code::FORBIDDEN);
    shop.anyone().delete(&path).await.refuses(code::UNAUTHENTICATED);
    shop.admin().put(&path, json!({"name": "Cup"})).await.is(200);
    shop.seller().delete(&path).await.is(200);
    shop.get(&path).await.refuses(code::PRODUCT_NOT_FOUND);
    assert!(shop.get("/products").await.names().is_empty());
    assert!(shop.quote(&[id]).await.is_empty());
    assert_eq!(shop.hold(1, [(id, 1)]).await, Err(code::PRODUCT_UNAVAILABLE));
}

// MON-2, MON-5
#[tokio::test]
async fn prices_are_exact_in_the_digits_of_the_currency() {
    for (currency, good, shown, bad) in [
        ("USD", json!(19.9), "19.90", json!("19.999")),
        ("JPY", json!("500"), "500", json!("10.5")),
        ("KWD", json!("1.234"), "1.234", json!("1.2345")),
    ] {
        let shop = Shop::open_in(Currency::parse(currency).unwrap()).await;
        let made = shop
            .seller()
            .post("/products", json!({"name": "Mug", "price": good}))
            .await
            .is(201);
        assert_eq!(made.json["price"], shown);
        for price in [
            bad,
            json!(-1),
            json!("1e3"),
            json!(null),
            json!("9999999999999999999"),
        ] {
            let refused = shop
                .seller()
                .post("/products", json!({"name": "Mug", "price": price}))
                .await;
            assert_eq!(
                refused.refuses(code::INVALID).pointers(),
                ["/price"],
                "{price} {currency}"
            );
        }
    }
}

#[tokio::test]
async fn a_version_that_is_not_the_latest_is_not_written_over() {
    let shop = Shop::open().await;
    let id = shop.stocks("Mug", 10).await;
    let path = format!("/products/{id}");
    let read = shop.get(&path).await.is(200);
    let tag = read.header("etag").to_owned();
    let again = shop
        .anyone()
        .with("if-none-match", tag.clone())
        .get(&path)
        .await
        .is(304);
    assert!(again.bytes.is_empty());
    shop.seller()
        .with("if-match", tag.clone())
        .put(&path, json!({"name": "Cup"}))
        .await
        .is(200);
    let stale = shop
        .seller()
        .with("if-match", tag)
        .put(&path, json!({"name": "Pot"}))
        .await;
    stale.refuses(code::PRECONDITION_FAILED);
    assert_eq!(shop.get(&path).await.json["name"], "Cup");
}

// IDK-2, IDK-3, IDK-6
#[tokio::test(flavor = "multi_thread")]
async fn a_key_makes_one_product() {
    let shop = Shop::open().await;
    let keyed = shop.seller().with("idempotency-key", "one");
    let body = json!({"name": "Mug", "price": "1.00"});
    let made = join_all((0..20).map(|_| keyed.post("/products", body.clone()))).await;
    let ids: Vec<_> = made.iter().filter(|a| a.status == 201).map(|a| a.id()).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(shop.get("/products").await.names(), ["Mug"]);
    let other = keyed
        .post("/products", json!({"name": "Pot", "price": "1.00"}))
        .await;
    other.refuses(code::IDEMPOTENCY_MISMATCH);
    let theirs = shop.user(8, Role::Seller).with("idempotency-key", "one");
    assert_ne!(theirs.post("/products", body).await.is(201).id(), ids[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_products_of_one_name_have_fifty_slugs() {
    let shop = Shop::open().await;
    let seller = shop.seller();
    let body = json!({"name": "Café Mug", "price": "1.00"});
    let made = join_all((0..50).map(|_| seller.post("/products", body.clone()))).await;
    let mut slugs: Vec<_> = made
        .into_iter()
        .map(|a| a.is(201).json["slug"].to_string())
        .collect();
    slugs.sort();
    slugs.dedup();
    assert_eq!(slugs.len(), 50);
    assert!(slugs.contains(&"\"cafe-mug\"".to_owned()), "{slugs:?}");
}

// SRCH-1, SRCH-4, SRCH-5
#[tokio::test]
async fn search_weighs_names_over_descriptions_and_bears_hostile_words() {
    let shop = Shop::open().await;
    let make = async |name: &str, description: &str, price: &str, sku: &str| {
        let body = json!({"name": name, "description": description, "price": price, "sku": sku, "stock": 1});
        shop.seller().post("/products", body).await.is(201);
    };
    make("Tea tray", "Carries lanterns too.", "30.00", "TRAY-1").await;
    make("Brass lantern", "For the garden.", "20.00", "LAMP-1").await;
    make("Oil", "Burns long.", "5.00", "LANTERN").await;
    let found = shop.get("/products?search=lantern").await.is(200);
    assert_eq!(
        found.names(),
        ["Oil", "Brass lantern", "Tea tray"],
        "the exact SKU, the name, the description"
    );
    let found = shop
        .get("/products?search=lanterns&maxPrice=20.00&minPrice=10")
        .await
        .is(200);
    assert_eq!(found.names(), ["Brass lantern"]);
    let prefix = shop.get("/products?search=lant").await.is(200);
    assert!(prefix.names().contains(&"Brass lantern"));
    for hostile in [
        "%25",
        "%3A%2A",
        "%27%20or%201%3D1",
        "%26%7C%21%28",
        "%00",
        "a%20".repeat(100).as_str(),
    ] {
        let answer = shop.get(&format!("/products?search={hostile}")).await;
        assert!(answer.status.as_u16() < 500, "{hostile}: {}", answer.json);
    }
    let long = "x".repeat(257);
    let refused = shop
        .get(&format!("/products?search={long}"))
        .await
        .refuses(code::INVALID);
    assert_eq!(refused.pointers(), ["/query/search"]);
}

// PAG-1, PAG-2, PAG-3
#[tokio::test]
async fn a_walk_by_cursor_meets_every_product_once_while_others_come_and_go() {
    let shop = Shop::open().await;
    let mut names = Vec::new();
    for n in 0..9 {
        let name = format!("Pot {n}");
        shop.stocks(&name, 1).await;
        names.push(name);
    }
    for sort in ["newest", "price_asc", "price_desc", "name", "rating"] {
        let (mut seen, mut path) = (Vec::new(), format!("/products?sortBy={sort}&limit=2"));
        loop {
            let page = shop.get(&path).await.is(200);
            seen.extend(page.names().into_iter().map(str::to_owned));
            let Some(cursor) = page.json["pagination"]["nextCursor"].as_str() else {
                break;
            };
            path = format!("/products?sortBy={sort}&limit=2&cursor={cursor}");
            let passer_by = shop.stocks("Passer-by", 1).await;
            shop.seller()
                .delete(&format!("/products/{passer_by}"))
                .await
                .is(200);
            let elsewhere = format!("/products?sortBy={sort}&limit=2&inStock=true&cursor={cursor}");
            shop.get(&elsewhere).await.refuses(code::INVALID_CURSOR);
        }
        seen.sort();
        assert_eq!(seen, names, "{sort}");
    }
    shop.get("/products?page=200&limit=100")
        .await
        .refuses(code::PAGE_TOO_DEEP);
    for query in [
        "limit=0",
        "limit=101",
        "limit=x",
        "page=0",
        "sortBy=up",
        "minPrice=x",
        "featured=maybe",
    ] {
        let refused = shop
            .get(&format!("/products?{query}"))
            .await
            .refuses(code::INVALID);
        let name = query.split('=').next().unwrap_or_default();
        assert_eq!(refused.pointers(), [format!("/query/{name}")]);
    }
}

#[tokio::test]
async fn categories_are_a_tree_without_circles_that_products_are_found_by() {
    let shop = Shop::open().await;
    let make = async |name: &str, parent: Option<i64>| {
        let body = json!({"name": name, "parentId": parent});
        shop.admin().post("/categories", body).await.is(201).id()
    };
    let home = make("Home", None).await;
    let kitchen = make("Kitchen", Some(home)).await;
    let cups = make("Cups", Some(kitchen)).await;
    let body = json!({"name": "Mug", "price": "1.00", "category_id": cups});
    shop.seller().post("/products", body).await.is(201);
    for of in [home.to_string(), "kitchen".to_owned(), cups.to_string()] {
        assert_eq!(
            shop.get(&format!("/products?category={of}"))
                .await
                .is(200)
                .names(),
            ["Mug"]
        );
    }
    let circle = shop
        .admin()
        .put(&format!("/categories/{home}"), json!({"parentId": cups}))
        .await;
    assert!(matches!(circle.status.as_u16(), 409 | 422), "{}", circle.json);
    shop.admin()
        .delete(&format!("/categories/{kitchen}"))
        .await
        .refuses(code::CATEGORY_IN_USE);
    shop.seller()
        .post("/categories", json!({"name": "x"}))
        .await
        .refuses(code::FORBIDDEN);
    shop.admin()
        .post("/categories", json!({"name": "home"}))
        .await
        .refuses(code::CATEGORY_TAKEN);
    let all = shop.get("/categories").await.is(200).json;
    assert_eq!(all.as_array().map(Vec::len), Some(3));
}

// STK-12
#[tokio::test]
async fn stock_is_counted_anew_only_from_what_was_expected() {
    let shop = Shop::open().await;
    let id = shop.stocks("Mug", 5).await;
    let path = format!("/products/{id}/stock");
    let count = json!({"onHand": 8, "expectedOnHand": 5, "reason": "inventory"});
    shop.seller().put(&path, count.clone()).await.is(200);
    assert_eq!(shop.seller().put(&path, count).await.status.as_u16(), 409);
    let silent = json!({"onHand": 8, "expectedOnHand": 8});
    assert_eq!(shop.seller().put(&path, silent).await.status.as_u16(), 422);
    assert_eq!(shop.shelf(id).await, (8, 0));
    shop.check_books().await;
}
