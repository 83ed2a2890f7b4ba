//! Orders with products of several sellers: who sees what, who does what, and when the order follows.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{ADMIN, ALICE, Answer, BOB, CARLA, DORA, LAMP, MUG, Orders, PEN};

fn fulfilments(order: &Value) -> Vec<&str> {
    let items = order["items"].as_array().unwrap();
    items
        .iter()
        .map(|line| line["fulfillment"].as_str().unwrap())
        .collect()
}

fn products(answer: &Answer) -> Vec<i64> {
    let items = answer.body["items"].as_array().unwrap();
    items
        .iter()
        .map(|line| line["productId"].as_i64().unwrap())
        .collect()
}

// ORD table: a seller's act moves own lines, and the status moves when all lines have.
#[tokio::test]
async fn an_order_is_shipped_when_its_last_seller_has() {
    let shop = Orders::start().await;
    let order = shop.paid_with(&[(MUG, 1), (LAMP, 1), (PEN, 1)]).await;
    assert_eq!(shop.move_to(CARLA, order, "processing").await.status, 200);

    let first = shop.move_to(CARLA, order, "shipped").await;
    assert_eq!(
        (first.status, &first.body["status"]),
        (StatusCode::OK, &json!("processing"))
    );
    let seen = shop.order(order).await;
    assert_eq!(seen["fulfillmentStatus"], "partial");
    assert_eq!(fulfilments(&seen), ["shipped", "unfulfilled", "shipped"]);
    // Once more is no more, not even another version.
    let again = shop.move_to(CARLA, order, "shipped").await;
    assert_eq!(
        (again.status, again.header("etag")),
        (StatusCode::OK, first.header("etag"))
    );
    assert_eq!(
        shop.move_to(CARLA, order, "delivered").await.code(),
        "illegal-transition"
    );
    assert_eq!(shop.history(order).await.last().unwrap(), "processing");

    let last = shop.move_to(DORA, order, "shipped").await;
    assert_eq!(
        (&last.body["status"], &last.body["fulfillmentStatus"]),
        (&json!("shipped"), &json!("fulfilled"))
    );
    assert_eq!(shop.cancel(ALICE, order).await.code(), "illegal-transition");

    assert_eq!(
        shop.move_to(DORA, order, "delivered").await.body["status"],
        "shipped"
    );
    assert_eq!(
        fulfilments(&shop.order(order).await),
        ["shipped", "delivered", "shipped"]
    );
    assert_eq!(
        shop.move_to(CARLA, order, "delivered").await.body["status"],
        "delivered"
    );
    let history = [
        "pending",
        "confirmed",
        "paid",
        "processing",
        "shipped",
        "delivered",
    ];
    assert_eq!(shop.history(order).await, history);
    shop.settled().await;
}

// ORD table: what is on its way is neither given away nor sold again.
#[tokio::test]
async fn an_order_of_which_a_part_has_left_is_not_cancelled() {
    let shop = Orders::start().await;
    let order = shop.paid_with(&[(MUG, 1), (LAMP, 1)]).await;
    assert_eq!(shop.move_to(CARLA, order, "processing").await.status, 200);
    assert_eq!(shop.move_to(CARLA, order, "shipped").await.status, 200);
    for user in [ALICE, ADMIN] {
        let refused = shop.cancel(user, order).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (409, "illegal-transition")
        );
        assert_eq!(refused.body["from"], "processing");
        assert_eq!(refused.body["allowed"], json!(["shipped", "refunded"]));
    }
    assert_eq!(shop.stock.changes(order), ["held", "committed"]);
    assert_eq!(
        shop.move_to(DORA, order, "shipped").await.body["status"],
        "shipped"
    );
    shop.settled().await;
}

// ORD-2: sellers who ship at the same moment ship the order once.
#[tokio::test]
async fn sellers_may_ship_at_the_same_moment() {
    let shop = Orders::start().await;
    for _ in 0..3 {
        let order = shop.paid_with(&[(MUG, 1), (LAMP, 1)]).await;
        assert_eq!(shop.move_to(DORA, order, "processing").await.status, 200);
        let crowd = [CARLA, DORA, CARLA, DORA].map(|seller| shop.move_to(seller, order, "shipped"));
        for answer in futures::future::join_all(crowd).await {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        assert_eq!(
            shop.history(order).await,
            ["pending", "confirmed", "paid", "processing", "shipped"]
        );
        assert_eq!(shop.order(order).await["fulfillmentStatus"], "fulfilled");
    }
    shop.settled().await;
}

// ORD table: an admin speaks for all sellers.
#[tokio::test]
async fn an_admin_ships_every_line() {
    let shop = Orders::start().await;
    let order = shop.paid_with(&[(MUG, 1), (LAMP, 1)]).await;
    for to in ["processing", "shipped", "delivered"] {
        assert_eq!(shop.move_to(ADMIN, order, to).await.body["status"], to);
    }
    assert_eq!(fulfilments(&shop.order(order).await), ["delivered", "delivered"]);
    shop.settled().await;
}

// ORD-3, API3
#[tokio::test]
async fn a_seller_sees_own_lines_only() {
    let shop = Orders::start().await;
    let order = shop.confirmed_with(&[(MUG, 1), (LAMP, 1), (PEN, 1)]).await;
    let path = format!("/orders/{order}");
    assert_eq!(products(&shop.get(CARLA, &path).await), [MUG, PEN]);
    assert_eq!(products(&shop.get(DORA, &path).await), [LAMP]);
    assert_eq!(products(&shop.get(ALICE, &path).await), [MUG, LAMP, PEN]);
    assert_eq!(products(&shop.get(ADMIN, &path).await), [MUG, LAMP, PEN]);
    // How it is paid is between the customer and the shop.
    for (user, shown) in [(CARLA, false), (ADMIN, false), (ALICE, true)] {
        assert_eq!(
            shop.get(user, &path).await.body.get("payment").is_some(),
            shown,
            "{user}"
        );
    }
    let list = shop.get(DORA, "/orders?as=seller").await;
    assert_eq!(list.body["orders"][0]["items"].as_array().unwrap().len(), 1);
    shop.settled().await;
}

// ORD-3, API1: whoever has nothing to do with an order learns that there is none.
#[tokio::test]
async fn strangers_are_told_that_there_is_no_such_order() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    let before = shop.history(order).await;
    let calls = [
        (Method::GET, "", None),
        (Method::GET, "/history", None),
        (Method::POST, "/cancel", Some(json!({}))),
        (Method::PUT, "/status", Some(json!({"status": "processing"}))),
        (Method::PUT, "/status", Some(json!({"status": "cancelled"}))),
        (
            Method::PUT,
            "/tracking",
            Some(json!({"trackingNumber": "1", "carrier": "DHL"})),
        ),
    ];
    for (method, tail, body) in calls {
        for (user, id) in [
            (BOB, order),
            (DORA, order),
            (ALICE, order + 1),
            (ADMIN, order + 1),
        ] {
            let path = format!("/orders/{id}{tail}");
            let answer = shop.call(user, method.clone(), &path, body.as_ref()).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (404, "order-not-found"),
                "{method} {path} by {user}"
            );
        }
    }
    assert_eq!(shop.history(order).await, before);
    shop.settled().await;
}

// API5: known, but not theirs to do.
#[tokio::test]
async fn an_owner_does_not_fulfil_and_one_of_two_sellers_does_not_cancel() {
    let shop = Orders::start().await;
    let order = shop.paid_with(&[(MUG, 1), (LAMP, 1)]).await;
    for to in ["processing", "shipped", "delivered", "cancelled", "paid"] {
        let answer = shop.move_to(ALICE, order, to).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (403, "forbidden"),
            "{to}"
        );
    }
    for answer in [
        shop.cancel(CARLA, order).await,
        shop.move_to(CARLA, order, "cancelled").await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.code()), (403, "forbidden"));
    }
    assert_eq!(shop.history(order).await, ["pending", "confirmed", "paid"]);
    // The seller of all lines may.
    let own = shop.paid().await;
    assert_eq!(shop.cancel(CARLA, own).await.status, 200);
    shop.settled().await;
}

// ORD table: tracking is recorded in processing or shipped, and moves nothing.
#[tokio::test]
async fn tracking_is_recorded_while_an_order_is_on_its_way() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    let path = format!("/orders/{order}/tracking");
    let tracking = json!({"tracking_number": "1Z999", "carrier": "UPS"});
    assert_eq!(
        shop.put(CARLA, &path, &tracking).await.code(),
        "illegal-transition"
    );
    assert_eq!(shop.move_to(CARLA, order, "processing").await.status, 200);
    let answer = shop.put(CARLA, &path, &tracking).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["status"]),
        (200, &json!("processing"))
    );
    assert_eq!(shop.move_to(CARLA, order, "shipped").await.status, 200);
    let stale = shop
        .put_if(CARLA, &path, answer.header("etag").unwrap(), &tracking)
        .await;
    assert_eq!(stale.code(), "precondition-failed");
    let answer = shop
        .put(
            ADMIN,
            &path,
            &json!({"trackingNumber": "JD014", "carrier": "DHL"}),
        )
        .await;
    assert_eq!(
        (&answer.body["trackingNumber"], &answer.body["carrier"]),
        (&json!("JD014"), &json!("DHL"))
    );
    assert_eq!(shop.put(ALICE, &path, &tracking).await.code(), "forbidden");
    let empty = shop
        .put(CARLA, &path, &json!({"trackingNumber": " ", "carrier": ""}))
        .await;
    assert_eq!(empty.pointers(), ["/trackingNumber", "/carrier"]);
    assert_eq!(shop.move_to(CARLA, order, "delivered").await.status, 200);
    assert_eq!(
        shop.put(CARLA, &path, &tracking).await.code(),
        "illegal-transition"
    );
    shop.settled().await;
}
