//! The ledger: what money did, as entries that balance and stay.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::harness::{ADMIN, ALICE, Answer, Payments};

const LEDGER: &str = "/admin/ledger";

/// The account's balance in that currency, debits above zero.
async fn balance(shop: &Payments, account: &str, currency: &str) -> i64 {
    sqlx::query_scalar(
        "select coalesce(sum(l.amount_minor), 0)::bigint
           from ledger_lines l join ledger_entries e on e.id = l.entry_id
          where l.account = $1 and e.currency = $2",
    )
    .bind(account)
    .bind(currency)
    .fetch_one(&shop.db.pool)
    .await
    .unwrap()
}

/// What was posted, oldest first, as `fact currency`.
async fn posted(shop: &Payments) -> Vec<String> {
    sqlx::query_scalar("select fact || ' ' || currency from ledger_entries order by id")
        .fetch_all(&shop.db.pool)
        .await
        .unwrap()
}

// PAY-17, PAY-8
#[tokio::test]
async fn money_that_came_and_went_is_posted_once_however_often_it_is_told() {
    let shop = Payments::start().await;
    shop.paid(81, 1_999).await;
    shop.refund(json!({"orderId": 81, "amount": "5.00"})).await;
    let intent = shop.paid(82, 1_000).await;
    shop.provider(
        Method::POST,
        "/v1/refunds",
        &format!("payment_intent={intent}&amount=400"),
    )
    .await;
    for _ in 0..2 {
        for mut event in shop.events().await {
            assert_eq!(shop.deliver(&event).await.status, 200);
            event["id"] = json!(format!("{}_twin", event["id"].as_str().unwrap()));
            assert_eq!(shop.deliver(&event).await.status, 200);
        }
        shop.settle().await;
    }
    assert_eq!(
        posted(&shop).await,
        ["captured USD", "refunded USD", "captured USD", "refunded USD"]
    );
    for (account, minor) in [("provider", 2_099), ("sales", -2_999), ("refunds", 900)] {
        assert_eq!(balance(&shop, account, "USD").await, minor, "{account}");
    }
    // An intent that nobody pays moves no money.
    shop.ordered(83, 1_000).await;
    shop.cancel(83).await.unwrap();
    assert_eq!(posted(&shop).await.len(), 4);
}

// PAY-17, PAY-12
#[tokio::test]
async fn a_refund_that_fails_after_it_succeeded_is_posted_back() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    shop.refund(json!({"orderId": 81})).await;
    let refunds = shop.provider(Method::GET, "/v1/refunds", "").await;
    let id = refunds["data"][0]["id"].as_str().unwrap().to_owned();
    shop.provider(Method::POST, &format!("/_sandbox/refunds/{id}/fail"), "")
        .await;
    shop.deliver_all().await;
    shop.settle().await;
    assert_eq!(
        posted(&shop).await,
        ["captured USD", "refunded USD", "refund_returned USD"]
    );
    assert_eq!(balance(&shop, "provider", "USD").await, 1_000);
    assert_eq!(balance(&shop, "refunds", "USD").await, 0);
}

// PAY-17, PAY-14
#[tokio::test]
async fn money_that_nobody_asked_for_is_owed_until_it_goes_back() {
    let shop = Payments::start().await;
    for (order, field, value) in [
        (81, "amount_received", json!(999)),
        (82, "currency", json!("eur")),
    ] {
        let intent = shop.ordered(order, 1_000).await.payment_intent_id;
        shop.pay(&intent, "pm_card_visa").await;
        let mut paid = shop.event("payment_intent.succeeded").await;
        paid["data"]["object"][field] = value;
        shop.deliver(&paid).await;
        shop.settle().await;
    }
    assert_eq!(posted(&shop).await, ["mismatched USD", "mismatched EUR"]);
    assert_eq!(balance(&shop, "unmatched", "USD").await, -999);
    assert_eq!(balance(&shop, "unmatched", "EUR").await, -1_000);
    // It goes back in the currency in which it came.
    shop.refund(json!({"orderId": 82})).await;
    assert_eq!(posted(&shop).await.last().unwrap(), "refunded EUR");
    assert_eq!(balance(&shop, "unmatched", "EUR").await, 0);
    assert_eq!(balance(&shop, "provider", "EUR").await, 0);
    assert_eq!(balance(&shop, "sales", "USD").await, 0);
}

// PAY-17
#[tokio::test]
async fn the_database_refuses_entries_that_do_not_balance_and_every_change() {
    let shop = Payments::start().await;
    shop.paid(81, 1_000).await;
    let lopsided = "with entry as (
            insert into ledger_entries (payment_id, object_id, fact, currency, at)
            select id, 'pi_x', 'captured', 'USD', now() from payments returning id)
        insert into ledger_lines (entry_id, account, amount_minor)
        select id, account, minor from entry, (values ('provider', 10), ('sales', -9)) as line (account, minor)";
    for (change, why) in [
        (lopsided, "does not balance"),
        (
            "insert into ledger_lines (entry_id, account, amount_minor) select id, 'fees', 5 from ledger_entries",
            "does not balance",
        ),
        ("update ledger_lines set amount_minor = 5", "append only"),
        ("delete from ledger_lines", "append only"),
        ("truncate ledger_lines", "append only"),
        ("update ledger_entries set at = now()", "append only"),
        ("delete from ledger_entries", "append only"),
        ("truncate ledger_entries cascade", "append only"),
    ] {
        let refused = sqlx::query(change).execute(&shop.db.pool).await.unwrap_err();
        assert!(refused.to_string().contains(why), "{change}: {refused}");
    }
    assert_eq!(balance(&shop, "provider", "USD").await, 1_000);
}

// PAY-17, PAG-1, PAG-2
#[tokio::test]
async fn admins_read_the_ledger_by_pages_and_by_what_they_look_for() {
    let shop = Payments::start().await;
    for order in 81..86 {
        shop.paid(order, 1_000).await;
        shop.clock.advance(Duration::from_secs(60));
    }
    shop.refund(json!({"orderId": 82, "amount": "2.50"})).await;
    assert_eq!(shop.get(ALICE, LEDGER).await.status, 403);

    let all = shop.get(ADMIN, LEDGER).await;
    assert_eq!(all.status, 200, "{all:?}");
    let newest = &all.body["entries"][0];
    assert_eq!(
        (&newest["orderId"], &newest["fact"], &newest["currency"]),
        (&json!(82), &json!("refunded"), &json!("USD"))
    );
    assert_eq!(
        newest["lines"],
        json!([
            {"account": "refunds", "debit": "2.50", "credit": null},
            {"account": "provider", "debit": null, "credit": "2.50"},
        ])
    );
    let ids = |answer: &Answer| {
        let entries = answer.body["entries"].as_array().unwrap().clone();
        entries
            .iter()
            .map(|e| e["id"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&all).len(), 6);

    // Page by page, while more comes in front.
    let (mut walked, mut path) = (Vec::new(), format!("{LEDGER}?limit=2"));
    loop {
        let page = shop.get(ADMIN, &path).await;
        walked.extend(ids(&page));
        shop.paid(90 + i64::try_from(walked.len()).unwrap(), 500).await;
        match page.body["pagination"]["nextCursor"].as_str() {
            Some(cursor) => path = format!("{LEDGER}?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(walked, ids(&all));
    let cursor = path.split_once("cursor=").unwrap().1;
    let elsewhere = shop
        .get(ADMIN, &format!("{LEDGER}?limit=2&order=81&cursor={cursor}"))
        .await;
    assert_eq!(
        (elsewhere.status.as_u16(), elsewhere.code()),
        (400, "invalid-cursor")
    );

    for (query, count) in [
        ("order=82", 2),
        ("order=999", 0),
        ("account=refunds", 1),
        ("order=81&account=sales", 1),
        ("account=disputed", 0),
        ("from=2030-01-01T12:01:00Z&to=2030-01-01T12:03:00Z", 2),
    ] {
        let found = shop.get(ADMIN, &format!("{LEDGER}?limit=100&{query}")).await;
        assert_eq!(ids(&found).len(), count, "{query}: {found:?}");
    }
    for wrong in [
        "order=x",
        "account=cash",
        "from=yesterday",
        "to=1",
        "limit=0",
        "limit=101",
    ] {
        let refused = shop.get(ADMIN, &format!("{LEDGER}?{wrong}")).await;
        assert_eq!(refused.status, 422, "{wrong}");
    }
}
