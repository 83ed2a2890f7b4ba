//! `GET /orders`: whose, which, and page by page.

use serde_json::{Value, json};

use crate::harness::{ADMIN, ALICE, Answer, BOB, CARLA, DORA, LAMP, MUG, Orders, PEN, cart};

fn ids(answer: &Answer) -> Vec<i64> {
    let orders = answer.body["orders"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer:?}"));
    orders.iter().map(|order| order["id"].as_i64().unwrap()).collect()
}

fn next(answer: &Answer) -> Option<&str> {
    answer.body["pagination"]["nextCursor"].as_str()
}

impl Orders {
    async fn list(&self, user: i64, query: &str) -> Answer {
        self.get(user, &format!("/orders?{query}")).await
    }

    /// So many orders of Alice's.
    async fn orders(&self, count: usize) -> Vec<i64> {
        let mut orders = Vec::new();
        for _ in 0..count {
            orders.push(self.confirmed().await);
        }
        orders
    }
}

// PAG-3, PAG-4
#[tokio::test]
async fn pages_by_number_show_every_order_once_newest_first() {
    let shop = Orders::start().await;
    let mut orders = shop.orders(7).await;
    orders.reverse();
    let mut seen = Vec::new();
    for page in 1..=3 {
        let answer = shop.list(ALICE, &format!("page={page}&limit=3")).await;
        let expected =
            json!({"page": page, "limit": 3, "total": 7, "totalPages": 3, "nextCursor": next(&answer)});
        assert_eq!(answer.body["pagination"], expected);
        assert_eq!(next(&answer).is_some(), page < 3);
        seen.extend(ids(&answer));
    }
    assert_eq!(seen, orders);
    assert_eq!(ids(&shop.list(ALICE, "page=4&limit=3").await), [0; 0]);
    let whole = shop.list(ALICE, "").await;
    assert_eq!(
        (&whole.body["pagination"]["limit"], ids(&whole)),
        (&json!(20), orders)
    );
    shop.settled().await;
}

// PAG-1
#[tokio::test]
async fn walking_by_cursor_neither_repeats_nor_skips_while_orders_come_in() {
    let shop = Orders::start().await;
    let mut old = shop.orders(8).await;
    old.reverse();
    let mut answer = shop.list(ALICE, "limit=2").await;
    let mut seen = ids(&answer);
    while let Some(cursor) = next(&answer).map(str::to_owned) {
        // Before each step somebody orders, which moves every page.
        shop.confirmed().await;
        answer = shop.list(ALICE, &format!("limit=2&cursor={cursor}")).await;
        assert_eq!(answer.body["pagination"]["total"], Value::Null);
        seen.extend(ids(&answer));
    }
    assert_eq!(seen, old);
    // A cursor may change its step, and stays good.
    let first = shop.list(ALICE, "limit=1").await;
    let rest = shop
        .list(ALICE, &format!("limit=100&cursor={}", next(&first).unwrap()))
        .await;
    assert_eq!((ids(&rest).len(), next(&rest)), (10, None));
    shop.settled().await;
}

// PAG-1: rows that leave the list on the way make no gap.
#[tokio::test]
async fn walking_a_status_does_not_skip_what_stays_in_it() {
    let shop = Orders::start().await;
    let orders = shop.orders(6).await;
    let first = shop.list(ALICE, "status=confirmed&limit=2").await;
    assert_eq!(ids(&first), [orders[5], orders[4]]);
    assert_eq!(shop.cancel(ALICE, orders[4]).await.status, 200);
    assert_eq!(shop.cancel(ALICE, orders[3]).await.status, 200);
    let second = shop
        .list(
            ALICE,
            &format!("status=confirmed&limit=2&cursor={}", next(&first).unwrap()),
        )
        .await;
    assert_eq!(ids(&second), [orders[2], orders[1]]);
    shop.settled().await;
}

// ORD-3, API1
#[tokio::test]
async fn a_list_is_the_callers_own_unless_they_may_see_more() {
    let shop = Orders::start().await;
    let hers = shop.confirmed_with(&[(MUG, 1)]).await;
    let both = shop.confirmed_with(&[(MUG, 1), (LAMP, 1)]).await;
    let his = shop.post(BOB, "/orders", &cart(&[(PEN, 9)])).await.order();
    assert_eq!(ids(&shop.list(ALICE, "").await), [both, hers]);
    assert_eq!(ids(&shop.list(BOB, "").await), [his]);
    assert_eq!(ids(&shop.list(CARLA, "").await), [0; 0]);
    assert_eq!(ids(&shop.list(CARLA, "as=seller").await), [his, both, hers]);
    assert_eq!(ids(&shop.list(DORA, "as=seller").await), [both]);
    assert_eq!(ids(&shop.list(ADMIN, "as=admin").await), [his, both, hers]);
    assert_eq!(ids(&shop.list(ADMIN, "as=admin&user=8").await), [his]);
    for (user, query) in [(ALICE, "as=seller"), (ALICE, "as=admin"), (CARLA, "as=admin")] {
        let answer = shop.list(user, query).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (403, "forbidden"),
            "{query}"
        );
    }
    let answer = shop.list(ALICE, "user=8").await;
    assert_eq!(
        (answer.status.as_u16(), answer.pointers()),
        (422, vec!["/query/user"])
    );
    shop.settled().await;
}

// SRCH-4's rule for orders: pages and totals honour the filter.
#[tokio::test]
async fn a_status_filters_pages_and_totals() {
    let shop = Orders::start().await;
    let paid = shop.paid().await;
    let waiting = shop.orders(3).await;
    let answer = shop.list(ALICE, "status=paid").await;
    assert_eq!(
        (ids(&answer), &answer.body["pagination"]["total"]),
        (vec![paid], &json!(1))
    );
    let answer = shop.list(ALICE, "status=confirmed&limit=2").await;
    assert_eq!(
        (ids(&answer), &answer.body["pagination"]["total"]),
        (vec![waiting[2], waiting[1]], &json!(3))
    );
    assert_eq!(ids(&shop.list(ALICE, "status=delivered").await), [0; 0]);
    let answer = shop.list(ALICE, "status=lost").await;
    assert_eq!(
        (answer.status.as_u16(), answer.pointers()),
        (422, vec!["/query/status"])
    );
    shop.settled().await;
}

// PAG-2
#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_only() {
    let shop = Orders::start().await;
    shop.orders(3).await;
    shop.post(BOB, "/orders", &cart(&[(PEN, 9)])).await;
    let cursor = next(&shop.list(ALICE, "limit=1").await).unwrap().to_owned();
    assert_eq!(shop.list(ALICE, &format!("cursor={cursor}")).await.status, 200);
    let touched: String = cursor.chars().rev().collect();
    let cut = &cursor[1..];
    for (user, query) in [
        (ALICE, format!("cursor={touched}")),
        (ALICE, format!("cursor={cut}")),
        (ALICE, "cursor=".to_owned()),
        (ALICE, "cursor=MQ".to_owned()),
        (ALICE, format!("cursor={cursor}&status=confirmed")),
        (BOB, format!("cursor={cursor}")),
        (ADMIN, format!("as=admin&cursor={cursor}")),
        (CARLA, format!("as=seller&cursor={cursor}")),
    ] {
        let answer = shop.list(user, &query).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "invalid-cursor"),
            "{query} by {user}"
        );
    }
    shop.settled().await;
}

// PAG-3
#[tokio::test]
async fn pages_have_bounds() {
    let shop = Orders::start().await;
    shop.orders(1).await;
    for limit in ["0", "-1", "101", "1e9", "NaN", "1.5", "99999999999999999999", ""] {
        for tail in ["", "&cursor=x"] {
            let answer = shop.list(ALICE, &format!("limit={limit}{tail}")).await;
            assert_eq!(
                (answer.status.as_u16(), answer.pointers()),
                (422, vec!["/query/limit"]),
                "{limit}{tail}"
            );
        }
    }
    for page in ["0", "-1", "NaN", "1.5"] {
        let answer = shop.list(ALICE, &format!("page={page}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.pointers()),
            (422, vec!["/query/page"]),
            "{page}"
        );
    }
    for query in ["page=101&limit=100", "page=501", "page=4294967295&limit=100"] {
        let answer = shop.list(ALICE, query).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "page-too-deep"),
            "{query}"
        );
        assert!(answer.body["detail"].as_str().unwrap().contains("cursor"));
    }
    for query in ["limit=1", "limit=100", "page=100&limit=100", "page=500"] {
        assert_eq!(shop.list(ALICE, query).await.status, 200, "{query}");
    }
    shop.settled().await;
}

// API2, GW-1: every route wants a token of its own checking.
#[tokio::test]
async fn nobody_orders_or_reads_without_signing_in() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    for (method, path) in [
        ("POST", "/orders".to_owned()),
        ("GET", "/orders".to_owned()),
        ("GET", format!("/orders/{order}")),
        ("GET", format!("/orders/{order}/history")),
        ("POST", format!("/orders/{order}/cancel")),
        ("PUT", format!("/orders/{order}/status")),
        ("PUT", format!("/orders/{order}/tracking")),
    ] {
        let answer = shop.anonymous(method, &path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (401, "unauthenticated"),
            "{method} {path}"
        );
        assert!(answer.header("www-authenticate").is_some());
    }
    assert_eq!(shop.history(order).await, ["pending", "confirmed"]);
    shop.settled().await;
}
