//! Moves of an order: who may make which, and what a crowd of them comes to.

use futures::future::join_all;
use serde_json::json;

use crate::harness::{ADMIN, ALICE, CARLA, Orders};

// ORD-2
#[tokio::test]
async fn of_a_hundred_conflicting_moves_one_is_made() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    assert_eq!(shop.move_to(CARLA, order, "processing").await.status, 200);
    let crowd = (0..100).map(async |n| match n % 2 {
        0 => ("shipped", shop.move_to(CARLA, order, "shipped").await),
        _ => ("cancelled", shop.cancel(ALICE, order).await),
    });
    let answers = join_all(crowd).await;
    let end = shop.status(order).await;
    for (to, answer) in &answers {
        // Repeating what was done is no conflict; everything else came too late.
        if *to == end {
            assert_eq!(answer.status, 200, "{answer:?}");
        } else {
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (409, "illegal-transition")
            );
            assert_eq!(
                (&answer.body["from"], &answer.body["to"]),
                (&json!(end), &json!(to))
            );
        }
    }
    let losers = answers.iter().filter(|(_, a)| a.status == 409).count();
    assert_eq!(losers, 50);
    assert_eq!(
        shop.history(order).await,
        ["pending", "confirmed", "paid", "processing", end.as_str()]
    );
    shop.settled().await;
}

// ORD-1, ORD table: terminal states, and what is nobody's to do by hand.
#[tokio::test]
async fn an_end_is_an_end_and_money_is_not_moved_by_hand() {
    let shop = Orders::start().await;
    let cancelled = shop.confirmed().await;
    assert_eq!(shop.cancel(ALICE, cancelled).await.status, 200);
    let refunded = shop.paid().await;
    shop.money.refund(refunded, shop.money.asked(refunded));
    shop.settle().await;
    let delivered = shop.paid().await;
    for to in ["processing", "shipped", "delivered"] {
        assert_eq!(shop.move_to(ADMIN, delivered, to).await.status, 200);
    }
    let confirmed = shop.confirmed().await;
    for (order, stands, allowed) in [
        (cancelled, "cancelled", json!([])),
        (refunded, "refunded", json!([])),
        (delivered, "delivered", json!(["refunded"])),
        (confirmed, "confirmed", json!(["paid", "cancelled"])),
    ] {
        let before = shop.history(order).await;
        for to in [
            "pending",
            "confirmed",
            "paid",
            "processing",
            "shipped",
            "delivered",
            "refunded",
        ] {
            if to == stands {
                continue;
            }
            let answer = shop.move_to(ADMIN, order, to).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (409, "illegal-transition"),
                "{stands} -> {to}"
            );
            assert_eq!(answer.body["allowed"], allowed, "{stands} -> {to}");
            assert_eq!(
                (&answer.body["from"], &answer.body["to"]),
                (&json!(stands), &json!(to))
            );
        }
        assert_eq!(shop.history(order).await, before);
    }
    assert_eq!(shop.cancel(ALICE, delivered).await.code(), "illegal-transition");
    assert_eq!(shop.cancel(ALICE, refunded).await.code(), "illegal-transition");
    assert_eq!(shop.cancel(ALICE, cancelled).await.status, 200);
    shop.settled().await;
}

// ORD-2: who, why and under which request, in the transaction of the move.
#[tokio::test]
async fn history_says_who_moved_it_and_why() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    let body = json!({"status": "processing", "note": "  packed by noon "});
    assert_eq!(
        shop.put(CARLA, &format!("/orders/{order}/status"), &body)
            .await
            .status,
        200
    );
    let answer = shop
        .post(
            ALICE,
            &format!("/orders/{order}/cancel"),
            &json!({"reason": "too late"}),
        )
        .await;
    assert_eq!(answer.status, 200);
    let history = shop.get(ALICE, &format!("/orders/{order}/history")).await.body;
    let told: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            ["fromStatus", "toStatus", "changedBy", "changedById", "note"].map(|name| entry[name].clone())
        })
        .collect();
    let expected = json!([
        [null, "pending", "customer", ALICE, null],
        ["pending", "confirmed", "system", null, null],
        ["confirmed", "paid", "system", null, null],
        ["paid", "processing", "seller", CARLA, "packed by noon"],
        ["processing", "cancelled", "customer", ALICE, "too late"],
    ]);
    assert_eq!(json!(told), expected);
    let requests = "select count(*) from order_history where request_id is null and actor_type <> 'system'";
    assert_eq!(shop.count(requests).await, 0);
    shop.settled().await;
}

// CAT-3's rule for orders: what was read is what is changed.
#[tokio::test]
async fn a_move_of_another_version_is_refused() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    let path = format!("/orders/{order}");
    let stale = shop.get(ADMIN, &path).await.header("etag").unwrap().to_owned();
    assert_eq!(shop.move_to(ADMIN, order, "processing").await.status, 200);
    let fresh = shop.get(ADMIN, &path).await.header("etag").unwrap().to_owned();
    for to in ["shipped", "cancelled"] {
        let answer = shop
            .put_if(ADMIN, &format!("{path}/status"), &stale, &json!({"status": to}))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (412, "precondition-failed"),
            "{to}"
        );
    }
    let answer = shop
        .put_if(
            ADMIN,
            &format!("{path}/status"),
            &fresh,
            &json!({"status": "shipped"}),
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["status"]),
        (200, &json!("shipped"))
    );
    shop.settled().await;
}

// ORD-2: of all who read one version, one changes it.
#[tokio::test]
async fn one_of_a_crowd_changes_the_version_that_all_have_read() {
    let shop = Orders::start().await;
    for _ in 0..5 {
        let order = shop.paid().await;
        let version = shop.get(ADMIN, &format!("/orders/{order}")).await;
        let version = version.header("etag").unwrap();
        let crowd = (0..20).map(async |n| {
            let to = if n % 2 == 0 { "processing" } else { "cancelled" };
            let path = format!("/orders/{order}/status");
            shop.put_if(ADMIN, &path, version, &json!({"status": to})).await
        });
        let answers = join_all(crowd).await;
        let won = answers.iter().filter(|a| a.status == 200).count();
        assert_eq!(won, 1, "{answers:?}");
        assert!(
            answers
                .iter()
                .all(|a| matches!(a.status.as_u16(), 200 | 409 | 412))
        );
        assert_eq!(shop.history(order).await.len(), 4);
    }
    shop.settled().await;
}

// EVT-1: what happens to an order is told in the order in which it happened.
#[tokio::test]
async fn every_move_is_told() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    assert_eq!(shop.move_to(CARLA, order, "processing").await.status, 200);
    assert_eq!(shop.cancel(ALICE, order).await.status, 200);
    shop.settled().await;
    let told: Vec<(String, i64)> = sqlx::query_as("select type, aggregate_id from outbox order by sequence")
        .fetch_all(&shop.db.pool)
        .await
        .unwrap();
    let kinds = ["created", "confirmed", "paid", "moved", "cancelled"];
    let expected: Vec<_> = kinds
        .iter()
        .map(|kind| (format!("order.{kind}.v1"), order))
        .collect();
    assert_eq!(told, expected);
}
