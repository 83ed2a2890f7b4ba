//! The audit finds what is wrong, and what would make it wrong is refused.

use crate::harness::Shop;

// STK-1
#[tokio::test]
async fn the_audit_finds_a_row_that_disagrees_with_its_books() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    shop.hold(1, &[(mug, 2)]).await.unwrap();
    shop.check_books().await;
    for tampering in ["on_hand = on_hand + 1", "reserved = reserved - 1"] {
        let sql = format!("update stock set {tampering} where product_id = {mug}");
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&shop.db.pool)
            .await
            .unwrap();
        let wrong = product_service::operator::check_books(&shop.db.pool)
            .await
            .unwrap();
        assert_eq!(
            wrong.iter().map(|w| w.product_id).collect::<Vec<_>>(),
            [mug],
            "{tampering}"
        );
    }
}

// STK-1
#[tokio::test]
async fn the_database_refuses_more_reserved_than_on_hand_and_changes_of_the_ledger() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    for sql in [
        "update stock set reserved = on_hand + 1",
        "update stock set on_hand = -1",
        "update stock set reserved = -1",
        "update stock_ledger set delta_on_hand = 0",
        "delete from stock_ledger",
        "truncate stock_ledger",
    ] {
        assert!(sqlx::query(sql).execute(&shop.db.pool).await.is_err(), "{sql}");
    }
    assert_eq!(shop.shelf(mug).await, (5, 0));
    shop.check_books().await;
}

#[tokio::test]
async fn the_ledger_says_who_did_what_for_which_order_and_request() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    shop.hold(1, &[(mug, 2)]).await.unwrap();
    shop.commit(1).await.unwrap();
    shop.restock(1).await.unwrap();
    type Entry = (String, i64, i64, Option<i64>, String, bool);
    let entries: Vec<Entry> = sqlx::query_as(
        "select reason, delta_on_hand, delta_reserved, order_id, actor, request_id is not null
           from stock_ledger where product_id = $1 order by id",
    )
    .bind(mug)
    .fetch_all(&shop.db.pool)
    .await
    .unwrap();
    let entry = |reason: &str, on_hand, reserved, order, actor: &str| {
        (
            reason.to_owned(),
            on_hand,
            reserved,
            order,
            actor.to_owned(),
            true,
        )
    };
    assert_eq!(
        entries,
        [
            entry("opening", 5, 0, None, "seller:7"),
            entry("held", 0, 2, Some(1), "system"),
            entry("committed", -2, -2, Some(1), "system"),
            entry("restocked", 2, 0, Some(1), "system"),
        ]
    );
}
