//! Pictures that an operator has drawn for products that came without one.

use std::sync::{Arc, Barrier};

use product_service::{ImageConfig, operator};
use runtime::StartError;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::harness::Shop;
use crate::pictures::photo;

type Draw = fn(&str) -> Result<Vec<u8>, StartError>;

/// Gives pictures to the products called `slugs`; how many got one.
async fn illustrate(shop: &Shop, slugs: &[&str], draw: Draw) -> u64 {
    let config = ImageConfig {
        store: shop.store.clone(),
        base_url: "/api/images".to_owned(),
        renders: 2,
    };
    let slugs: Vec<String> = slugs.iter().map(|&slug| slug.to_owned()).collect();
    let (clock, stop) = (Arc::clone(&shop.clock), CancellationToken::new());
    operator::illustrate(&shop.db.pool, config, clock, &slugs, draw, &stop)
        .await
        .unwrap()
}

// IMG-2
#[tokio::test]
async fn a_product_is_drawn_once_and_never_over_what_its_seller_made_of_it() {
    let shop = Shop::open().await;
    let mut paths = Vec::new();
    for name in ["Mug", "Bowl", "Plate"] {
        paths.push(format!("/products/{}", shop.stocks(name, 1).await));
    }
    let photographed = json!({"name": "Lamp", "price": "10.00", "images": ["https://cdn.example/lamp.jpg"]});
    let lamp = shop.seller().post("/products", photographed).await.is(201).id();
    paths.push(format!("/products/{lamp}"));
    let (bowl, plate) = (&paths[1], &paths[2]);
    let slugs = ["mug", "bowl", "plate", "lamp"];
    let cheaper = json!({"price": "9.00"});
    shop.seller().put(plate, cheaper).await.is(200);

    let drawn = illustrate(&shop, &slugs, |slug| match slug {
        "mug" | "bowl" => Ok(photo(20, 20, 1)),
        other => Err(format!("{other} is drawn").into()),
    });
    assert_eq!(drawn.await, 2);
    let product = shop.get(bowl).await.is(200).json;
    assert_eq!(product["images"].as_array().map(Vec::len), Some(1), "{product}");

    // Who takes the drawing off does not want it.
    shop.seller().put(bowl, json!({"images": []})).await.is(200);
    let all = async || {
        let mut all = Vec::new();
        for path in &paths {
            all.push(shop.get(path).await.is(200).json);
        }
        all
    };
    let before = all().await;
    let again = illustrate(&shop, &slugs, |slug| Err(format!("{slug} is drawn again").into()));
    assert_eq!(again.await, 0);
    assert_eq!(all().await, before);
}

// IMG-2
#[tokio::test]
async fn a_product_that_is_changed_while_it_is_drawn_stays_as_its_seller_made_it() {
    static DRAWING: Barrier = Barrier::new(2);
    let shop = Shop::open().await;
    let mug = format!("/products/{}", shop.stocks("Mug", 1).await);
    let illustrated = illustrate(&shop, &["mug"], |_| {
        DRAWING.wait();
        DRAWING.wait();
        Ok(photo(20, 20, 1))
    });
    let changes = async {
        let meet = || tokio::task::spawn_blocking(|| DRAWING.wait());
        meet().await.unwrap();
        let changed = shop.seller().put(&mug, json!({"price": "9.00"})).await;
        meet().await.unwrap();
        changed.is(200)
    };
    let (drawn, changed) = tokio::join!(illustrated, changes);
    assert_eq!(drawn, 0);
    let product = shop.get(&mug).await.is(200).json;
    assert_eq!(
        (&product["images"], &product["price"]),
        (&json!([]), &json!("9.00"))
    );
    assert_eq!(product["updatedAt"], changed.json["updatedAt"]);
}
