//! Money.

use serde_json::json;
use souk_test_shop::{Person, Shop};

/// A paid order of 18.00 + 1.80 + 10.00.
async fn paid_order(shop: &Shop, customer: &Person) -> i64 {
    let seller = shop.seller().await;
    let mug = seller.sells("Paid mug", "18.00", 3).await;
    let order = customer.orders(&[(mug, 1)]).await.expect(201);
    let intent = order.at("/payment/paymentIntentId");
    drop(
        shop.pay(intent.as_str().unwrap_or_default(), "pm_card_visa")
            .await
            .expect(200),
    );
    let id = order.at("/id").as_i64().unwrap_or_default();
    drop(shop.until_status(customer, id, "paid").await);
    id
}

// PAY-12
pub async fn money_goes_back_in_parts_and_never_more_than_came(shop: &Shop) {
    let (customer, admin) = (shop.customer().await, shop.admin().await);
    let order = paid_order(shop, &customer).await;
    let refund =
        async |person: &Person, body: serde_json::Value| person.api.post("/api/payments/refund", &body).await;
    drop(
        refund(&customer, json!({"orderId": order}))
            .await
            .refused(403, "forbidden"),
    );
    for amount in [json!("0"), json!(-1), json!("1.999"), json!("x")] {
        let refused = refund(&admin, json!({"orderId": order, "amount": amount})).await;
        assert_eq!(
            refused.refused(422, "invalid-request").at("/errors/0/pointer"),
            "/amount",
            "{amount}"
        );
    }
    drop(
        refund(&admin, json!({"orderId": order, "amount": "29.81"}))
            .await
            .refused(409, "refund-too-large"),
    );
    let part = refund(
        &admin,
        json!({"orderId": order, "amount": 9.8, "reason": "a crack"}),
    )
    .await
    .expect(200);
    assert_eq!(part.at("/amount"), "9.80");
    let payment = customer
        .api
        .get(&format!("/api/payments/order/{order}"))
        .await
        .expect(200);
    assert_eq!(payment.at("/status"), "partially_refunded");
    assert_eq!(payment.at("/amountRefunded"), "9.80");

    let rest = (0..20).map(|_| refund(&admin, json!({"orderId": order})));
    let answers = futures::future::join_all(rest).await;
    assert_eq!(
        answers.iter().filter(|a| a.status == 200).count(),
        1,
        "one takes all that is left"
    );
    drop(shop.until_status(&customer, order, "refunded").await);
    let payment = customer
        .api
        .get(&format!("/api/payments/order/{order}"))
        .await
        .expect(200);
    assert_eq!(payment.at("/status"), "refunded");
    assert_eq!(payment.at("/amountRefunded"), "29.80");
}

// MON-4: what lines make of a total is all of it.
pub async fn refunding_each_line_returns_all_that_was_paid(shop: &Shop) {
    let (seller, customer, admin) = (shop.seller().await, shop.customer().await, shop.admin().await);
    let mut lines = Vec::new();
    for price in ["19.99", "0.03", "7.77"] {
        lines.push((seller.sells("Returned mug", price, 5).await, 1));
    }
    let order = customer.orders(&lines).await.expect(201);
    let intent = order.at("/payment/paymentIntentId");
    let paid = shop
        .pay(intent.as_str().unwrap_or_default(), "pm_card_visa")
        .await;
    drop(paid.expect(200));
    let id = order.at("/id").as_i64().unwrap_or_default();
    drop(shop.until_status(&customer, id, "paid").await);
    for line in order.at("/items").as_array().into_iter().flatten() {
        let body = json!({"orderId": id, "amount": line["total"], "reason": "returned"});
        drop(admin.api.post("/api/payments/refund", &body).await.expect(200));
    }
    drop(shop.until_status(&customer, id, "refunded").await);
    let payment = customer
        .api
        .get(&format!("/api/payments/order/{id}"))
        .await
        .expect(200);
    assert_eq!(payment.at("/status"), "refunded");
    assert_eq!(payment.at("/amountRefunded"), order.at("/total"));
}

// PAY-1, PAY-2, PAY-3
pub async fn the_same_intent_is_given_to_its_owner_again(shop: &Shop) {
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Intended mug", "18.00", 3).await;
    let order = customer.orders(&[(mug, 1)]).await.expect(201);
    let body = json!({"orderId": order.at("/id"), "amount": "0.01"});
    let asked = (0..10).map(|_| customer.api.post("/api/payments/create-intent", &body));
    for answer in futures::future::join_all(asked).await {
        let answer = answer.expect(200);
        assert_eq!(
            answer.at("/paymentIntentId"),
            order.at("/payment/paymentIntentId")
        );
        assert_eq!(answer.at("/clientSecret"), order.at("/payment/clientSecret"));
        assert_eq!(answer.at("/amount"), "29.80");
    }
    let paid = paid_order(shop, &customer).await;
    let again = customer
        .api
        .post("/api/payments/create-intent", &json!({"orderId": paid}))
        .await;
    drop(again.refused(409, "not-payable"));
}

// PAY-6, GW-16
pub async fn a_forged_webhook_changes_nothing(shop: &Shop) {
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Forged mug", "18.00", 3).await;
    let order = customer.orders(&[(mug, 1)]).await.expect(201);
    let event = json!({"id": "evt_forged", "object": "event", "type": "payment_intent.succeeded", "livemode": false,
        "data": {"object": {"id": order.at("/payment/paymentIntentId"), "object": "payment_intent", "status": "succeeded"}}});
    for signature in ["", "t=1,v1=00", "t=99999999999,v1=aaaa", "v1=", "nonsense"] {
        let forged = shop.api.with("stripe-signature", signature);
        drop(
            forged
                .post("/api/payments/webhook", &event)
                .await
                .refused(400, "invalid-signature"),
        );
    }
    let seen = customer
        .api
        .get(&format!("/api/orders/{}", order.at("/id")))
        .await
        .expect(200);
    assert_eq!(seen.at("/status"), "confirmed");
}
