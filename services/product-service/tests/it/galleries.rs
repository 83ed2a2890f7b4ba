//! The order of a product's pictures, which is the primary one, and what they show.

use serde_json::{Value, json};
use types::Role;
use wire::code;

use crate::harness::Shop;
use crate::pictures::{photo, upload, upload_as};

/// The picture's text and flag of each that a product shows.
fn shown(product: &Value) -> Vec<(&str, bool)> {
    let pictures = product["pictures"].as_array().unwrap();
    let one = |picture: &'_ Value| picture["primary"].as_bool().unwrap();
    pictures
        .iter()
        .map(|picture| (picture["alt"].as_str().unwrap(), one(picture)))
        .collect()
}

// IMG-3
#[tokio::test]
async fn an_upload_says_what_it_shows_and_whether_it_comes_first() {
    let shop = Shop::open().await;
    let id = shop.stocks("Mug", 1).await;
    let product = format!("/products/{id}");
    let said = [("alt", " A mug, from the front ")];
    let front = upload_as(shop.seller(), id, &photo(20, 20, 1), &said, &[])
        .await
        .is(200)
        .json;
    assert_eq!(
        (&front["picture"]["alt"], &front["picture"]["primary"]),
        (&json!("A mug, from the front"), &json!(true))
    );
    let plain = upload(shop.seller(), id, &photo(20, 20, 2)).await.is(200).json;
    assert_eq!(
        (&plain["picture"]["alt"], &plain["picture"]["primary"]),
        (&json!(""), &json!(false))
    );
    let said = [("primary", "true"), ("alt", "Inside"), ("colour", "blue")];
    let inside = upload_as(shop.seller(), id, &photo(20, 20, 3), &[], &said)
        .await
        .is(200)
        .json;
    assert_eq!(inside["picture"]["primary"], true);
    let seen = shop.get(&product).await.is(200).json;
    assert_eq!(
        shown(&seen),
        [("Inside", true), ("A mug, from the front", false), ("", false)]
    );
    assert_eq!(seen["imageUrl"], inside["imageUrl"]);
    assert_eq!(
        seen["images"],
        json!([inside["imageUrl"], front["imageUrl"], plain["imageUrl"]])
    );
    assert_eq!(seen["imageAlts"], json!(["Inside", "A mug, from the front", ""]));
    let listed = shop.get("/products").await.is(200).json;
    assert_eq!(listed["products"][0]["imageAlts"], seen["imageAlts"]);
    assert_eq!(shop.quote(&[id]).await[0].image_url, inside["imageUrl"]);

    // The same file again: nothing is there twice, and what was said stays unless something else is said.
    let before = shop.get(&product).await.header("etag").to_owned();
    upload(shop.seller(), id, &photo(20, 20, 1)).await.is(200);
    assert_eq!(shop.get(&product).await.header("etag"), before);
    let said = [("alt", "Front")];
    upload_as(shop.seller(), id, &photo(20, 20, 1), &said, &[])
        .await
        .is(200);
    assert_eq!(
        shop.get(&product).await.json["imageAlts"],
        json!(["Inside", "Front", ""])
    );

    for (field, text) in [
        ("alt", "x".repeat(301)),
        ("alt", "x".repeat(1_300)),
        ("primary", "maybe".to_owned()),
    ] {
        let said = [(field, text.as_str())];
        let refused = upload_as(shop.seller(), id, &photo(20, 20, 4), &said, &[])
            .await
            .refuses(code::INVALID);
        assert_eq!(refused.pointers(), [format!("/{field}")]);
    }
    assert_eq!(
        shop.get(&product).await.json["images"].as_array().unwrap().len(),
        3
    );
}

// IMG-3
#[tokio::test]
async fn pictures_are_put_in_order_described_and_made_primary_by_a_put() {
    let shop = Shop::open().await;
    let elsewhere = [
        "https://pictures.example/front.png",
        "https://pictures.example/back.png",
    ];
    let new = json!({"name": "Cup", "price": "1.00", "images": elsewhere, "imageAlts": ["Front", "Back"]});
    let made = shop.seller().post("/products", new).await.is(201);
    assert_eq!(made.json["imageAlts"], json!(["Front", "Back"]));
    let product = format!("/products/{}", made.id());
    let put = async |body: Value| shop.seller().put(&product, body).await.is(200).json;

    // Texts stay with their pictures.
    let turned = put(json!({"images": [elsewhere[1], elsewhere[0]]})).await;
    assert_eq!(turned["imageAlts"], json!(["Back", "Front"]));
    let primary = put(json!({"imageUrl": elsewhere[0]})).await;
    assert_eq!(primary["images"], json!(elsewhere), "the others stay");
    assert_eq!(primary["imageAlts"], json!(["Front", "Back"]));
    let described = put(json!({"image_alts": ["The front of a cup", ""]})).await;
    assert_eq!(described["imageAlts"], json!(["The front of a cup", ""]));
    let renamed = put(json!({"name": "Beaker"})).await;
    assert_eq!(renamed["imageAlts"], described["imageAlts"]);
    let fewer = put(json!({"images": [elsewhere[1]]})).await;
    assert_eq!(fewer["imageAlts"], json!([""]));
    let back = put(json!({"images": elsewhere})).await;
    assert_eq!(back["imageAlts"], json!(["", ""]), "a text goes with its picture");

    let seller = || shop.seller();
    let three = json!({"imageAlts": ["1", "2", "3"]});
    let refused = seller().put(&product, three).await.refuses(code::INVALID);
    assert_eq!(refused.pointers(), ["/imageAlts"]);
    let long = json!({"imageAlts": ["x".repeat(301), "\u{0}"]});
    let refused = seller().put(&product, long).await.refuses(code::INVALID);
    assert_eq!(refused.pointers(), ["/imageAlts/0", "/imageAlts/1"]);
    let others = shop
        .user(8, Role::Seller)
        .put(&product, json!({"imageAlts": ["Mine"]}))
        .await;
    others.refuses(code::FORBIDDEN);
}

// IMG-3
#[tokio::test]
async fn texts_belong_to_the_pictures_beside_which_they_are_sent() {
    let shop = Shop::open().await;
    let [a, b, c] = ["a", "b", "c"].map(|name| format!("https://pictures.example/{name}.png"));
    let new = |body: Value| {
        let mut new = json!({"name": "Cup", "price": "1.00"});
        new.as_object_mut()
            .unwrap()
            .extend(body.as_object().unwrap().clone());
        new
    };
    let promoted = json!({"images": [b, a], "imageUrl": a, "imageAlts": ["b text", "a text"]});
    let made = shop
        .seller()
        .post("/products", new(promoted.clone()))
        .await
        .is(201);
    assert_eq!(made.json["images"], json!([a, b]));
    assert_eq!(made.json["imageAlts"], json!(["a text", "b text"]));
    let product = format!("/products/{}", made.id());
    let put = async |body: Value| shop.seller().put(&product, body).await.is(200).json;
    let twice = put(json!({"images": [a, a, b], "imageAlts": ["first", "second", "third"]})).await;
    assert_eq!(
        (&twice["images"], &twice["imageAlts"]),
        (&json!([a, b]), &json!(["first", "third"]))
    );
    let fewer = put(json!({"images": [a, a, b], "imageAlts": ["1", "2"]})).await;
    assert_eq!(fewer["imageAlts"], json!(["1", "third"]), "b was told nothing");
    assert_eq!(put(promoted).await["imageAlts"], json!(["a text", "b text"]));
    let led = put(json!({"images": [a, b], "imageUrl": c, "imageAlts": ["", "B"]})).await;
    assert_eq!(
        (&led["images"], &led["imageAlts"]),
        (&json!([c, a, b]), &json!(["", "", "B"]))
    );

    // What is wrong is said once, and all of it.
    let seller = || shop.seller();
    for body in [
        json!({"images": ["javascript:x"], "imageAlts": ["1"]}),
        json!({"imageUrl": "javascript:x", "imageAlts": ["1"]}),
    ] {
        let wrong = if body.get("images").is_some() {
            "/images/0"
        } else {
            "/imageUrl"
        };
        let refused = seller()
            .post("/products", new(body.clone()))
            .await
            .refuses(code::INVALID);
        assert_eq!(refused.pointers(), [wrong]);
        let refused = seller().put(&product, body).await.refuses(code::INVALID);
        assert_eq!(refused.pointers(), [wrong]);
    }
    for wrong in [
        json!({"images": [a], "imageAlts": ["1", "2"], "name": ""}),
        json!({"images": [a], "imageUrl": b, "imageAlts": ["1", "2"], "name": ""}),
    ] {
        let refused = seller().put(&product, wrong.clone()).await.refuses(code::INVALID);
        assert_eq!(refused.pointers(), ["/name", "/imageAlts"]);
        let refused = seller()
            .post("/products", new(wrong))
            .await
            .refuses(code::INVALID);
        assert_eq!(refused.pointers(), ["/name", "/imageAlts"]);
    }
    let many: Vec<String> = (0..21)
        .map(|n| format!("https://pictures.example/{n}.png"))
        .collect();
    let many = json!({"images": many, "name": ""});
    let refused = seller().put(&product, many).await.refuses(code::INVALID);
    assert_eq!(refused.pointers(), ["/name", "/images"]);
}

// IMG-3, IDK-1
#[tokio::test]
async fn an_upload_that_says_something_else_is_another_request() {
    let shop = Shop::open().await;
    let id = shop.stocks("Mug", 1).await;
    let keyed = || shop.seller().with("idempotency-key", "upload-1");
    let file = photo(20, 20, 7);
    let first = upload_as(keyed(), id, &file, &[("alt", "Front")], &[])
        .await
        .is(200);
    let again = upload_as(keyed(), id, &file, &[], &[("alt", "Front")])
        .await
        .is(200);
    assert_eq!(
        (again.header("idempotent-replayed"), &again.json),
        ("true", &first.json)
    );
    upload_as(keyed(), id, &file, &[("alt", "Back")], &[])
        .await
        .refuses(code::IDEMPOTENCY_MISMATCH);
    upload(keyed(), id, &file)
        .await
        .refuses(code::IDEMPOTENCY_MISMATCH);
}
