//! What lines make of an order, where tax comes on top of prices and where it is in them.

use serde_json::{Value, json};
use types::Clock as _;

use crate::harness::{ALICE, CARLA, LAMP, MUG, Orders, PEN, cart};

/// Minor units of what is shown with two digits.
fn cents(amount: &Value) -> i64 {
    amount.as_str().unwrap().replace('.', "").parse().unwrap()
}

fn sum(order: &Value, name: &str) -> i64 {
    let items = order["items"].as_array().unwrap();
    items.iter().map(|item| cents(&item[name])).sum()
}

// MON-3, MON-4, ORD-4, MON-6
#[tokio::test]
async fn lines_are_the_order_and_tax_is_added_or_is_in_the_prices() {
    for (included, amounts) in [
        (false, ["70.03", "7.00", "10.00", "87.03"]),
        (true, ["63.66", "6.37", "10.00", "80.03"]),
    ] {
        let shop = Orders::start_with(|config| config.rates.tax_included = included).await;
        let order = shop.confirmed_with(&[(MUG, 2), (PEN, 1), (LAMP, 1)]).await;
        let seen = shop.get(ALICE, &format!("/orders/{order}")).await.body;
        assert_eq!(seen["taxIncluded"], included);
        assert_eq!(
            ["subtotal", "tax", "shippingCost", "total"].map(|name| seen[name].clone()),
            amounts
        );
        for name in ["tax", "shippingCost", "discount", "total"] {
            assert_eq!(sum(&seen, name), cents(&seen[name]), "{name} of {seen}");
        }
        let net = cents(&seen["subtotal"]) + if included { cents(&seen["tax"]) } else { 0 };
        assert_eq!(sum(&seen, "lineTotal"), net);
        assert_eq!(shop.money.asked(order), cents(&seen["total"]));
        // A seller's own lines carry the same parts though the others are not shown.
        let own = shop.get(CARLA, &format!("/orders/{order}")).await.body;
        assert_eq!(own["items"], json!(seen["items"].as_array().unwrap()[..2]));
        let now = shop.clock.now();
        let facts = order_service::operator::audit(&shop.db.pool, now, now)
            .await
            .unwrap();
        assert_eq!((facts.sums.checked, facts.sums.broken), (1, 0), "{facts:?}");
        shop.settled().await;
    }
}

// ORD-6, MON-4
#[tokio::test]
async fn a_quote_says_whether_tax_is_in_the_prices() {
    let shop = Orders::start_with(|config| config.rates.tax_included = true).await;
    let mut wish = cart(&[(MUG, 2)]);
    wish["expectedTotal"] = json!("42.98");
    let answer = shop.post(ALICE, "/orders", &wish).await;
    assert_eq!(answer.code(), "price-changed");
    assert_eq!(
        answer.body["quote"],
        json!({"subtotal": "27.25", "tax": "2.73", "taxIncluded": true, "shippingCost": "10.00", "discount": "0.00",
               "total": "39.98", "currency": "USD"})
    );
    wish["expectedTotal"] = json!("39.98");
    assert_eq!(shop.post(ALICE, "/orders", &wish).await.status, 201);
    shop.settled().await;
}
