//! What a client may send to order, and to say about an order.

use serde_json::{Value, json};

use crate::harness::{ALICE, CARLA, LAMP, MUG, Orders, PEN, cart};

fn with(name: &str, value: Value) -> Value {
    let mut wish = cart(&[(MUG, 1)]);
    wish[name] = value;
    wish
}

// STK-5's rule for the rest: every mistake is told at once, with a pointer, and nothing is written.
#[tokio::test]
async fn a_cart_has_bounds() {
    let shop = Orders::start().await;
    let too_many: Vec<_> = (0..101).map(|_| (MUG, 1)).collect();
    for (wish, pointers) in [
        (cart(&[]), vec!["/items"]),
        (cart(&too_many), vec!["/items"]),
        (
            cart(&[(0, 1), (MUG, 1), (-5, 0)]),
            vec!["/items/0/productId", "/items/2/productId", "/items/2/quantity"],
        ),
        (with("shippingAddress", json!("  ")), vec!["/shippingAddress"]),
        (
            with("shippingAddress", json!("x".repeat(501))),
            vec!["/shippingAddress"],
        ),
        (with("shippingZip", json!("x".repeat(21))), vec!["/shippingZip"]),
        (
            with("customerNotes", json!("x".repeat(1_001))),
            vec!["/customerNotes"],
        ),
        (with("expectedTotal", json!("10.001")), vec!["/expectedTotal"]),
        (with("expectedTotal", json!(true)), vec!["/expectedTotal"]),
        (with("items", json!("mug")), vec!["/items"]),
    ] {
        let answer = shop.post(ALICE, "/orders", &wish).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (422, "invalid-request"),
            "{answer:?}"
        );
        assert_eq!(answer.pointers(), pointers);
    }
    assert_eq!(shop.written().await, 0);
    assert_eq!(
        shop.post(ALICE, "/orders", &cart(&too_many[..100])).await.status,
        201
    );
    shop.settled().await;
}

// MON-5
#[tokio::test]
async fn an_amount_that_cannot_be_charged_is_refused() {
    let shop =
        Orders::start_with(|config| config.rates.shipping = types::Money::zero(config.rates.currency)).await;
    let answer = shop.post(ALICE, "/orders", &cart(&[(PEN, 8)])).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (422, "amount-too-small"));
    assert_eq!(
        (&answer.body["minimum"], &answer.body["currency"]),
        (&json!("0.50"), &json!("USD"))
    );
    shop.stock.edit(LAMP, |lamp| lamp.minor = i64::MAX / 2);
    let answer = shop.post(ALICE, "/orders", &cart(&[(LAMP, 3)])).await;
    assert_eq!((answer.status.as_u16(), answer.pointers()), (422, vec!["/items"]));
    assert_eq!(shop.written().await, 0);
    shop.settled().await;
}

// OWASP injection: text that a database or a log would choke on is refused or kept as it is, and is never a fault.
#[tokio::test]
async fn hostile_text_is_text() {
    let shop = Orders::start().await;
    for text in ["a\u{0}b", "a\u{1b}[2Jb"] {
        for name in [
            "shippingAddress",
            "shippingCity",
            "shippingState",
            "shippingZip",
            "shippingCountry",
            "customerNotes",
        ] {
            let answer = shop.post(ALICE, "/orders", &with(name, json!(text))).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (422, "invalid-request"),
                "{name} {text:?}"
            );
        }
    }
    let kept = "'; drop table orders; -- <b>%s</b> \u{202e}";
    let order = shop
        .post(ALICE, "/orders", &with("customerNotes", json!(kept)))
        .await
        .order();
    assert_eq!(shop.order(order).await["customerNotes"], kept);
    let nul = json!("a\u{0}b");
    assert!(shop.money.pay(order));
    shop.settle().await;
    for (user, path, body) in [
        (CARLA, "status", json!({"status": "processing", "note": nul})),
        (
            CARLA,
            "tracking",
            json!({"trackingNumber": nul, "carrier": "UPS"}),
        ),
    ] {
        let answer = shop.put(user, &format!("/orders/{order}/{path}"), &body).await;
        assert_eq!(answer.status, 422, "{path} {answer:?}");
    }
    let answer = shop
        .post(ALICE, &format!("/orders/{order}/cancel"), &json!({"reason": nul}))
        .await;
    assert_eq!(answer.status, 422, "{answer:?}");
    for id in ["0", "-1", "abc", "1e3", "9223372036854775808", "%00", "1'"] {
        assert_eq!(
            shop.get(ALICE, &format!("/orders/{id}")).await.status,
            404,
            "{id}"
        );
    }
    shop.settled().await;
}

// ORD-10
#[tokio::test]
async fn order_numbers_tell_nothing() {
    let shop = Orders::start().await;
    let mut numbers = Vec::new();
    for _ in 0..20 {
        let order = shop.confirmed().await;
        numbers.push(
            shop.order(order).await["orderNumber"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let in_order = numbers.is_sorted();
    numbers.sort();
    numbers.dedup();
    assert_eq!((numbers.len(), in_order), (20, false));
    shop.settled().await;
}
