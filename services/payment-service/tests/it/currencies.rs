//! Amounts in other currencies, exact from the order to the provider and back.

use serde_json::json;

use crate::harness::{ADMIN, ALICE, Payments};

// PAY-19
#[tokio::test]
async fn yen_and_dinars_are_exact_from_the_order_to_the_last_refund() {
    let shop = Payments::start().await;
    // As shown, as the provider counts, a part, and the rest.
    for (order, currency, minor, shown, there, part, rest) in [
        (81, "JPY", 1_000, "1000", 1_000, "1", "999"),
        (82, "KWD", 12_340, "12.340", 12_340, "0.010", "12.330"),
        (83, "USD", 1_999, "19.99", 1_999, "0.01", "19.98"),
        (84, "ISK", 500, "500", 50_000, "1", "499"),
        (85, "UGX", 5_000, "5000", 500_000, "1", "4999"),
    ] {
        shop.order_in(order, minor, currency, "confirmed");
        let intent = shop
            .post(ALICE, "/payments/create-intent", json!({"orderId": order}))
            .await;
        assert_eq!(
            (intent.text("amount"), intent.text("currency")),
            (shown.to_owned(), currency.to_owned())
        );
        let id = intent.text("paymentIntentId");
        let intents = shop.intents().await;
        let made = intents.iter().find(|i| i["id"] == id.as_str()).unwrap();
        assert_eq!(
            (&made["amount"], &made["currency"]),
            (&json!(there), &json!(currency.to_lowercase()))
        );
        shop.pay(&id, "pm_card_visa").await;
        shop.deliver_all().await;
        shop.settle().await;
        let payment = shop.payment(order).await;
        assert_eq!(
            (&payment["status"], &payment["amountCaptured"]),
            (&json!("succeeded"), &json!(shown)),
            "{currency}"
        );
        let back = shop.refund(json!({"orderId": order, "amount": part})).await;
        assert_eq!(back.text("amount"), part, "{back:?}");
        assert_eq!(shop.refund(json!({"orderId": order})).await.text("amount"), rest);
        let payment = shop.payment(order).await;
        assert_eq!(
            (&payment["status"], &payment["amountRefunded"]),
            (&json!("refunded"), &json!(shown)),
            "{currency}"
        );
    }
}

// PAY-12, PAY-19: an amount that the currency, or the provider, does not have.
#[tokio::test]
async fn what_cannot_be_counted_is_no_refund() {
    let shop = Payments::start().await;
    for (order, currency, minor, amounts) in [
        (81, "JPY", 1_000, &["0.5", "10.0"][..]),
        (82, "KWD", 12_340, &["0.001", "1.2345"]),
    ] {
        shop.order_in(order, minor, currency, "confirmed");
        let intent = shop
            .post(ALICE, "/payments/create-intent", json!({"orderId": order}))
            .await;
        shop.pay(&intent.text("paymentIntentId"), "pm_card_visa").await;
        shop.deliver_all().await;
        shop.settle().await;
        for amount in amounts {
            let answer = shop.refund(json!({"orderId": order, "amount": amount})).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (422, "invalid-request"),
                "{currency} {amount}"
            );
            assert_eq!(answer.body["errors"][0]["pointer"], "/amount");
        }
    }
    assert_eq!(shop.count("select count(*) from refunds").await, 0);
}

// PAY-18: also where nobody reads it.
#[tokio::test]
async fn card_data_is_refused_in_every_field_and_kept_nowhere() {
    let shop = Payments::start().await;
    shop.order(81, 1_000);
    for (path, body, pointer) in [
        (
            "/payments/create-intent",
            json!({"orderId": 81, "card": {"number": "4242 4242 4242 4242"}}),
            "/card/number",
        ),
        (
            "/payments/create-intent",
            json!({"orderId": 81, "card_number": "5555"}),
            "/card_number",
        ),
        (
            "/payments/create-intent",
            json!({"orderId": 81, "payment": {"cvc": 123}}),
            "/payment/cvc",
        ),
        (
            "/payments/create-intent",
            json!({"orderId": 4_242_424_242_424_242_i64}),
            "/orderId",
        ),
        (
            "/payments/refund",
            json!({"orderId": 81, "note": "378282246310005"}),
            "/note",
        ),
    ] {
        let answer = shop
            .post(
                if path.ends_with("refund") { ADMIN } else { ALICE },
                path,
                body.clone(),
            )
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (422, "invalid-request"),
            "{body}"
        );
        assert_eq!(answer.body["errors"][0]["pointer"], pointer);
        let text = answer.body.to_string();
        assert!(!text.contains("4242") && !text.contains("3782"), "{text}");
    }
    assert_eq!(
        shop.count("select (select count(*) from payments) + (select count(*) from idempotency_keys)")
            .await,
        0
    );
    assert!(shop.intents().await.is_empty());
}
