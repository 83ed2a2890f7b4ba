//! `POST /orders`: what is written, what is refused, and what is left of a refusal.

use serde_json::{Value, json};
use wire::code;

use crate::doubles::Fault;
use crate::harness::{ALICE, LAMP, MUG, Orders, PEN, cart};

// ORD-11
#[tokio::test]
async fn an_order_is_answered_with_what_was_held_and_how_to_pay() {
    let shop = Orders::start().await;
    let answer = shop.post(ALICE, "/orders", &cart(&[(MUG, 2), (PEN, 1)])).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let order = answer.order();
    assert_eq!(answer.body["status"], "confirmed");
    assert_eq!(answer.body["userId"], ALICE);
    assert_eq!(answer.body["payment"]["paymentIntentId"], format!("pi_{order}"));
    assert_eq!(
        answer.body["payment"]["clientSecret"],
        format!("pi_{order}_secret")
    );
    assert_eq!(answer.body["shippingCity"], "Port");
    assert_eq!(answer.body["items"].as_array().unwrap().len(), 2);
    assert_eq!(shop.stock.available(MUG), 98);
    assert_eq!(shop.stock.changes(order), ["held"]);
    assert_eq!(shop.money.changes(order), ["made"]);
    assert_eq!(shop.history(order).await, ["pending", "confirmed"]);
    // The hold outlives the window in which the order can be paid.
    assert_eq!(shop.stock.ttl_seconds(), 900 + 120);
    shop.settled().await;
}

// ORD-4, PAY-3, MON-6
#[tokio::test]
async fn prices_come_from_the_catalogue_and_stay_what_they_were() {
    let shop = Orders::start().await;
    let mut wish = cart(&[(MUG, 2), (PEN, 1)]);
    for (name, value) in [("price", "0.01"), ("unitPrice", "0.01"), ("sellerId", "7")] {
        wish["items"][0][name] = json!(value);
    }
    for name in ["total", "subtotal", "tax", "shippingCost"] {
        wish[name] = json!("0.01");
    }
    wish["status"] = json!("paid");
    wish["userId"] = json!(8);
    let order = shop.post(ALICE, "/orders", &wish).await.order();
    shop.stock.edit(MUG, |mug| {
        (mug.name, mug.sku, mug.minor, mug.seller) = ("Cup", "CUP-01", 9_999, 99);
    });
    let seen = shop.order(order).await;
    let amounts = ["subtotal", "tax", "shippingCost", "discount", "total"].map(|name| seen[name].clone());
    assert_eq!(amounts, ["30.03", "3.00", "10.00", "0.00", "43.03"]);
    let mug = &seen["items"][0];
    let snapshot = ["name", "sku", "unitPrice", "lineTotal", "sellerId"].map(|name| mug[name].clone());
    assert_eq!(
        snapshot,
        [
            json!("Mug"),
            json!("MUG-01"),
            json!("14.99"),
            json!("29.98"),
            json!(20)
        ]
    );
    assert_eq!(seen["userId"], ALICE);
    assert_eq!(shop.money.asked(order), 4_303);
    shop.settled().await;
}

// ORD-11, STK-4
#[tokio::test]
async fn an_order_without_stock_is_refused_and_kept_as_cancelled() {
    let shop = Orders::start().await;
    let answer = shop
        .post(ALICE, "/orders", &cart(&[(MUG, 1), (LAMP, 2), (LAMP, 2)]))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (409, "insufficient-stock")
    );
    assert_eq!(answer.pointers(), ["/items/1"]);
    assert_eq!(answer.body["lines"][0]["left"], 3);
    let order = answer.order();
    assert_eq!(shop.history(order).await, ["pending", "cancelled"]);
    assert_eq!(shop.order(order).await["cancelReason"], "insufficient-stock");
    assert_eq!((shop.stock.available(MUG), shop.stock.available(LAMP)), (100, 3));
    assert_eq!(shop.money.state(order), "none");
    shop.settled().await;
}

// SAG-4, ORD-11
#[tokio::test]
async fn a_refused_intent_gives_the_stock_back() {
    let shop = Orders::start().await;
    shop.money
        .road
        .once("create", Fault::Refuse(code::PROVIDER_ERROR));
    let answer = shop.post(ALICE, "/orders", &cart(&[(LAMP, 3)])).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (502, "provider-error"),
        "{answer:?}"
    );
    let order = answer.order();
    assert_eq!(shop.stock.changes(order), ["held", "released"]);
    assert_eq!(shop.stock.available(LAMP), 3);
    assert_eq!(shop.history(order).await, ["pending", "cancelled"]);
    assert_eq!(shop.order(order).await["cancelReason"], "provider-error");
    let history = shop.get(ALICE, &format!("/orders/{order}/history")).await;
    assert_eq!(history.body[1]["note"], "provider-error");
    shop.settled().await;
}

// GW-13: a neighbour's sentence is passed on as one sentence.
#[tokio::test]
async fn a_refusal_is_told_in_one_sentence() {
    let shop = Orders::start().await;
    let answer = shop.post(ALICE, "/orders", &cart(&[(LAMP, 9)])).await;
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.ends_with('.') && !detail.ends_with(".."), "{detail}");
    shop.settled().await;
}

// ORD-5
#[tokio::test]
async fn what_is_not_for_sale_cannot_be_ordered_even_by_id() {
    let shop = Orders::start().await;
    shop.stock.edit(PEN, |pen| pen.for_sale = false);
    let answer = shop
        .post(ALICE, "/orders", &cart(&[(MUG, 1), (PEN, 1), (404, 1)]))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (422, "product-unavailable")
    );
    assert_eq!(answer.pointers(), ["/items/1/productId", "/items/2/productId"]);
    assert_eq!(shop.written().await, 0);
    shop.settled().await;
}

// ORD-6
#[tokio::test]
async fn another_total_than_expected_is_told_and_not_charged() {
    let shop = Orders::start().await;
    let mut wish = cart(&[(MUG, 2), (PEN, 1)]);
    wish["expectedTotal"] = json!("43.03");
    shop.stock.edit(MUG, |mug| mug.minor = 2_000);
    let answer = shop.post(ALICE, "/orders", &wish).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (409, "price-changed"));
    let quote = json!({"subtotal": "40.05", "tax": "4.01", "taxIncluded": false, "shippingCost": "10.00",
        "discount": "0.00", "total": "54.06", "currency": "USD"});
    assert_eq!(answer.body["quote"], quote);
    assert_eq!(shop.written().await, 0);

    wish["expectedTotal"] = quote["total"].clone();
    assert_eq!(shop.post(ALICE, "/orders", &wish).await.status, 201);
    shop.settled().await;
}

// API4: stock cannot be blocked by one account.
#[tokio::test]
async fn an_account_has_so_many_unpaid_orders_and_no_more() {
    let shop = Orders::start_with(|config| config.max_open_orders = 3).await;
    let wish = cart(&[(MUG, 1)]);
    let answers = futures::future::join_all((0..12).map(|_| shop.post(ALICE, "/orders", &wish))).await;
    let placed: Vec<i64> = answers
        .iter()
        .filter(|a| a.status == 201)
        .map(|a| a.order())
        .collect();
    assert_eq!(placed.len(), 3, "{answers:?}");
    let refused = answers
        .iter()
        .filter(|a| a.status == 409 && a.code() == "too-many-open-orders");
    assert_eq!(refused.count(), 9);
    assert_eq!(shop.count("select count(*) from orders").await, 3);

    // What was paid or cancelled does not count.
    assert!(shop.money.pay(placed[0]));
    shop.settle().await;
    assert_eq!(shop.post(ALICE, "/orders", &wish).await.status, 201);
    assert_eq!(shop.post(ALICE, "/orders", &wish).await.status, 409);
    assert_eq!(shop.cancel(ALICE, placed[1]).await.status, 200);
    assert_eq!(shop.post(ALICE, "/orders", &wish).await.status, 201);
    shop.settled().await;
}

// STK-5
#[tokio::test]
async fn a_quantity_is_a_whole_number_that_can_be_bought() {
    let shop = Orders::start().await;
    let bad = [
        json!(0),
        json!(-1),
        json!(1.5),
        json!("2"),
        json!(1e9),
        Value::Null,
        json!(1_000),
    ];
    for quantity in bad {
        let mut wish = cart(&[(MUG, 1), (PEN, 1)]);
        wish["items"][1]["quantity"] = quantity.clone();
        let answer = shop.post_keyed(ALICE, "a key", &wish).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (422, "invalid-request"),
            "{quantity}"
        );
        assert_eq!(answer.pointers(), ["/items/1/quantity"], "{quantity}");
    }
    assert_eq!(shop.written().await, 0);
    shop.settled().await;
}

// ORD-11, SAG-1: what comes together shares transactions; each order has its own lines, saga and answer nevertheless.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_come_together_share_their_commits() {
    let shop = Orders::start_with(|config| config.max_open_orders = 0).await;
    let wish = cart(&[(MUG, 1), (PEN, 1)]);
    let answers = futures::future::join_all((0..60).map(|_| shop.post(ALICE, "/orders", &wish))).await;
    let mut orders: Vec<i64> = answers
        .iter()
        .map(|answer| {
            assert_eq!(answer.status, 201, "{answer:?}");
            assert_eq!(answer.body["items"].as_array().unwrap().len(), 2);
            answer.order()
        })
        .collect();
    orders.sort_unstable();
    orders.dedup();
    assert_eq!(orders.len(), 60);
    for table in [
        "order_lines where position = 1",
        "saga_log where step = 'hold-stock'",
    ] {
        let (rows, commits): (i64, i64) = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "select count(*), count(distinct xmin::text) from {table}"
        )))
        .fetch_one(&shop.app.db)
        .await
        .unwrap();
        assert_eq!(rows, 60, "{table}");
        assert!(commits <= 40, "{table}: {commits} commits for 60 orders");
    }
    shop.settled().await;
}

// STK-3, SAG-6: those who lose the race for stock are told so by shared transactions too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_are_refused_together_are_cancelled_together() {
    let shop = Orders::start_with(|config| config.max_open_orders = 0).await;
    let (few, much) = (cart(&[(MUG, 1)]), cart(&[(MUG, 999)]));
    let answers = futures::future::join_all((0..64).map(async |n| {
        let wish = if n % 8 == 0 { &few } else { &much };
        shop.post(ALICE, "/orders", wish).await
    }))
    .await;
    for (n, answer) in (0..).zip(answers) {
        assert_eq!(answer.status, if n % 8 == 0 { 201 } else { 409 }, "{answer:?}");
    }
    let (orders, commits): (i64, i64) = sqlx::query_as(
        "select count(*), count(distinct xmin::text) from order_history where to_status = 'cancelled'",
    )
    .fetch_one(&shop.app.db)
    .await
    .unwrap();
    assert_eq!(orders, 56);
    assert!(commits <= 40, "{commits} commits for 56 orders");
    let told = "select count(*) from outbox where type = 'order.cancelled.v1' and causation is not null
                                              and payload->>'reason' = 'insufficient-stock'";
    let told: i64 = sqlx::query_scalar(told).fetch_one(&shop.app.db).await.unwrap();
    assert_eq!(told, 56);
    shop.settled().await;
}
