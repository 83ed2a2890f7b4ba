//! Ordering.

use serde_json::{Value, json};
use souk_test_shop::{Answer, Shop, order_of};

fn intent_of(order: &Answer) -> String {
    order
        .at("/payment/paymentIntentId")
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn id_of(order: &Answer) -> i64 {
    order.at("/id").as_i64().unwrap_or_default()
}

fn statuses(history: &Answer) -> Vec<Value> {
    history
        .json()
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| entry["toStatus"].clone())
        .collect()
}

// SAG-4, STK-8, ORD-4, ORD-11, MON-6
pub async fn an_order_is_placed_paid_and_its_stock_taken(shop: &Shop) {
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Flow mug", "18.00", 10).await;
    let rug = seller.sells("Flow rug", "99.95", 4).await;

    let order = customer.orders(&[(mug, 2), (rug, 1)]).await.expect(201);
    assert_eq!(order.at("/status"), "confirmed");
    assert_eq!(order.at("/subtotal"), "135.95");
    assert_eq!(order.at("/tax"), "13.60", "ten per cent, half up");
    assert_eq!(order.at("/shippingCost"), "10.00");
    assert_eq!(order.at("/total"), "159.55");
    assert!(order.at("/payment/clientSecret").is_string());
    assert_eq!(
        (shop.available(mug).await, shop.available(rug).await),
        (8, 3),
        "held"
    );

    let paid = shop.pay(&intent_of(&order), "pm_card_visa").await.expect(200);
    assert_eq!(paid.at("/amount"), 15_955);
    let order = shop.until_status(&customer, id_of(&order), "paid").await;
    assert_eq!(order["paymentStatus"], "succeeded");
    assert_eq!(
        (shop.available(mug).await, shop.available(rug).await),
        (8, 3),
        "taken"
    );

    let history = customer
        .api
        .get(&format!("/api/orders/{}/history", order["id"]))
        .await
        .expect(200);
    assert_eq!(statuses(&history), ["pending", "confirmed", "paid"]);
    let payment = customer
        .api
        .get(&format!("/api/payments/order/{}", order["id"]))
        .await
        .expect(200);
    assert_eq!(payment.at("/status"), "succeeded");
    assert_eq!(payment.at("/amount"), "159.55");
    assert!(payment.at("/clientSecret").is_null());
    let list = customer.api.get("/api/orders").await.expect(200);
    assert_eq!(list.at("/orders/0/id"), order["id"]);
}

pub async fn a_declined_card_is_no_end(shop: &Shop) {
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Declined mug", "18.00", 3).await;
    let order = customer.orders(&[(mug, 1)]).await.expect(201);
    let declined = shop
        .pay(&intent_of(&order), "pm_card_chargeDeclined")
        .await
        .expect(402);
    assert_eq!(declined.at("/error/code"), "card_declined");
    assert_eq!(shop.available(mug).await, 2, "still held");
    drop(shop.pay(&intent_of(&order), "pm_card_visa").await.expect(200));
    drop(shop.until_status(&customer, id_of(&order), "paid").await);
}

// STK-2, STK-4
pub async fn not_enough_stock_names_the_lines_and_keeps_the_order_as_cancelled(shop: &Shop) {
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let (plenty, scarce) = (
        seller.sells("Plenty", "5.00", 50).await,
        seller.sells("Scarce", "5.00", 3).await,
    );
    let refused = customer
        .orders(&[(plenty, 1), (scarce, 2), (scarce, 2)])
        .await
        .refused(409, "insufficient-stock");
    assert_eq!(refused.at("/lines/0/productId"), scarce);
    assert_eq!(refused.at("/lines/0/left"), 3);
    let order = refused.at("/orderId");
    let kept = customer
        .api
        .get(&format!("/api/orders/{order}"))
        .await
        .expect(200);
    assert_eq!(kept.at("/status"), "cancelled");
    assert_eq!(
        (shop.available(plenty).await, shop.available(scarce).await),
        (50, 3)
    );
}

// STK-9
pub async fn cancelling_gives_the_stock_back(shop: &Shop) {
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Cancelled mug", "18.00", 3).await;
    let order = customer.orders(&[(mug, 2)]).await.expect(201);
    let path = format!("/api/orders/{}/cancel", id_of(&order));
    let cancelled = customer
        .api
        .post(&path, &json!({"reason": "changed my mind"}))
        .await
        .expect(200);
    assert_eq!(cancelled.at("/order/status"), "cancelled");
    drop(customer.api.post(&path, &json!({})).await.expect(200));
    souk_test_shop::eventually(
        std::time::Duration::from_secs(10),
        "the stock is back",
        || async { (shop.available(mug).await == 3).then_some(()) },
    )
    .await;
    let refused = shop.pay(&intent_of(&order), "pm_card_visa").await;
    assert_eq!(
        refused.status,
        400,
        "the intent is cancelled too: {}",
        refused.json()
    );
}

// STK-11
pub async fn cancelling_a_paid_order_refunds_and_restocks(shop: &Shop) {
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Regretted mug", "18.00", 3).await;
    let order = customer.orders(&[(mug, 2)]).await.expect(201);
    drop(shop.pay(&intent_of(&order), "pm_card_visa").await.expect(200));
    drop(shop.until_status(&customer, id_of(&order), "paid").await);
    let path = format!("/api/orders/{}/cancel", id_of(&order));
    drop(customer.api.post(&path, &json!({})).await.expect(200));
    souk_test_shop::eventually(
        std::time::Duration::from_secs(10),
        "money and stock are back",
        || async {
            let payment = customer
                .api
                .get(&format!("/api/payments/order/{}", id_of(&order)))
                .await;
            (payment.at("/status") == "refunded" && shop.available(mug).await == 3).then_some(())
        },
    )
    .await;
    let order = customer
        .api
        .get(&format!("/api/orders/{}", id_of(&order)))
        .await
        .expect(200);
    assert_eq!(order.at("/status"), "cancelled");
}

// IDK-2, IDK-3, IDK-6, IDK-7
pub async fn a_key_makes_one_order(shop: &Shop) {
    let (seller, customer, other) = (shop.seller().await, shop.customer().await, shop.customer().await);
    let mug = seller.sells("Keyed mug", "18.00", 100).await;
    let keyed = customer.api.with("idempotency-key", "one-order-please");
    let body = order_of(&[(mug, 1)]);
    let sent = (0..20).map(|_| keyed.post("/api/orders", &body));
    let answers = futures::future::join_all(sent).await;
    let orders: Vec<Value> = answers
        .iter()
        .filter(|a| a.status == 201)
        .map(|a| a.at("/id"))
        .collect();
    assert!(
        !orders.is_empty() && orders.iter().all(|id| *id == orders[0]),
        "{orders:?}"
    );
    for answer in &answers {
        let running = answer.status == 409 && answer.code() == "idempotency-in-progress";
        assert!(answer.status == 201 || running, "{}", answer.json());
    }
    let replay = keyed.post("/api/orders", &body).await.expect(201);
    assert_eq!(replay.header("idempotent-replayed"), "true");
    assert_eq!(
        replay.at("/payment/clientSecret"),
        answers
            .iter()
            .find(|a| a.status == 201)
            .map_or(Value::Null, |a| a.at("/payment/clientSecret"))
    );
    drop(
        keyed
            .post("/api/orders", &order_of(&[(mug, 2)]))
            .await
            .refused(422, "idempotency-mismatch"),
    );
    assert_eq!(shop.available(mug).await, 99);

    let theirs = other
        .api
        .with("idempotency-key", "one-order-please")
        .post("/api/orders", &body)
        .await;
    assert_ne!(
        theirs.expect(201).at("/id"),
        orders[0],
        "a key belongs to its caller"
    );
}

pub async fn an_order_goes_the_sellers_way_to_delivered(shop: &Shop) {
    let (seller, customer, admin) = (shop.seller().await, shop.customer().await, shop.admin().await);
    let mug = seller.sells("Travelling mug", "18.00", 3).await;
    let order = customer.orders(&[(mug, 1)]).await.expect(201);
    let path = format!("/api/orders/{}", id_of(&order));
    let moved = async |person: &souk_test_shop::Person, to: &str| {
        person
            .api
            .put(&format!("{path}/status"), &json!({"status": to, "note": "on it"}))
            .await
    };
    drop(
        moved(&seller, "processing")
            .await
            .refused(409, "illegal-transition"),
    );
    drop(moved(&admin, "paid").await.refused(409, "illegal-transition"));
    drop(shop.pay(&intent_of(&order), "pm_card_visa").await.expect(200));
    drop(shop.until_status(&customer, id_of(&order), "paid").await);

    drop(moved(&customer, "processing").await.refused(403, "forbidden"));
    drop(moved(&seller, "flying").await.refused(422, "invalid-request"));
    let refused = moved(&seller, "delivered")
        .await
        .refused(409, "illegal-transition");
    assert_eq!(refused.at("/from"), "paid");
    assert!(
        refused
            .at("/allowed")
            .as_array()
            .is_some_and(|all| all.contains(&json!("processing")))
    );
    assert_eq!(
        moved(&seller, "processing").await.expect(200).at("/status"),
        "processing"
    );
    let tracking = json!({"tracking_number": "NL-1", "carrier": "PostNL"});
    let tracked = seller
        .api
        .put(&format!("{path}/tracking"), &tracking)
        .await
        .expect(200);
    assert_eq!(tracked.at("/trackingNumber"), "NL-1");
    assert_eq!(
        moved(&seller, "shipped").await.expect(200).at("/status"),
        "shipped"
    );
    assert_eq!(
        moved(&seller, "delivered").await.expect(200).at("/status"),
        "delivered"
    );
    let refused = customer.api.post(&format!("{path}/cancel"), &json!({})).await;
    drop(refused.refused(409, "illegal-transition"));
    let sold = seller.api.get("/api/orders?as=seller").await.expect(200);
    assert_eq!(sold.at("/orders/0/id"), id_of(&order));
    drop(
        customer
            .api
            .get("/api/orders?as=admin")
            .await
            .refused(403, "forbidden"),
    );
    let all = admin
        .api
        .get(&format!("/api/orders?as=admin&user={}", customer.id))
        .await
        .expect(200);
    assert_eq!(all.at("/pagination/total"), 1);
}

// ORD-3
pub async fn strangers_do_not_learn_that_an_order_exists(shop: &Shop) {
    let (seller, customer, stranger) = (shop.seller().await, shop.customer().await, shop.customer().await);
    let rival = shop.seller().await;
    let mug = seller.sells("Private mug", "18.00", 3).await;
    let order = id_of(&customer.orders(&[(mug, 1)]).await.expect(201));
    for person in [&stranger, &rival] {
        for path in [
            format!("/api/orders/{order}"),
            format!("/api/orders/{order}/history"),
        ] {
            drop(person.api.get(&path).await.refused(404, "order-not-found"));
        }
        drop(
            person
                .api
                .post(&format!("/api/orders/{order}/cancel"), &json!({}))
                .await
                .refused(404, "order-not-found"),
        );
        drop(
            person
                .api
                .get(&format!("/api/payments/order/{order}"))
                .await
                .expect(404),
        );
        drop(
            person
                .api
                .post("/api/payments/create-intent", &json!({"orderId": order}))
                .await
                .expect(404),
        );
    }
    drop(
        shop.api
            .get(&format!("/api/orders/{order}"))
            .await
            .refused(401, "unauthenticated"),
    );
    drop(seller.api.get(&format!("/api/orders/{order}")).await.expect(200));
    for id in ["999999999", "abc", "0", "-1", "1.5", "9007199254740993", "%27"] {
        assert_eq!(
            customer.api.get(&format!("/api/orders/{id}")).await.status,
            404,
            "{id}"
        );
    }
}

// STK-5, MON-5
pub async fn bad_orders_say_what_is_wrong_with_each_line(shop: &Shop) {
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Counted mug", "18.00", 3).await;
    for quantity in [
        json!(0),
        json!(-1),
        json!(1.5),
        json!("2"),
        json!(1_000),
        json!(1e9),
        json!(null),
    ] {
        let body =
            json!({"items": [{"productId": mug, "quantity": quantity}], "shippingAddress": "1 Loop Road"});
        let refused = customer
            .api
            .post("/api/orders", &body)
            .await
            .refused(422, "invalid-request");
        assert_eq!(refused.at("/errors/0/pointer"), "/items/0/quantity", "{quantity}");
    }
    let items = json!({"items": [{"productId": mug, "quantity": 0}, {"productId": -3, "quantity": 1}], "shippingAddress": ""});
    let all = customer
        .api
        .post("/api/orders", &items)
        .await
        .refused(422, "invalid-request");
    assert_eq!(
        all.at("/errors").as_array().map(Vec::len),
        Some(3),
        "{}",
        all.json()
    );
    let empty = json!({"items": [], "shippingAddress": "1 Loop Road"});
    drop(
        customer
            .api
            .post("/api/orders", &empty)
            .await
            .refused(422, "invalid-request"),
    );
    drop(
        customer
            .orders(&[(999_999_999, 1)])
            .await
            .refused(422, "product-unavailable"),
    );
    let listed = customer.api.get("/api/orders").await.expect(200);
    assert_eq!(listed.at("/pagination/total"), 0, "nothing was written");
    assert_eq!(shop.available(mug).await, 3);
}
