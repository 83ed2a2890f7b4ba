//! Lists of more orders than anybody counts or leafs through.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ALICE, Answer, BOB, Orders};

impl Orders {
    /// So many cancelled orders of one pen each, as if they had been placed long ago.
    async fn stacks(&self, user: i64, count: i64) {
        sqlx::query(
            "with placed as (
                 insert into orders (order_number, user_id, status, currency, subtotal_minor, tax_minor, shipping_minor,
                                     total_minor, shipping_address, expires_at, created_at, updated_at)
                 select 'SK-' || $1 || '-' || n, $1, 'cancelled', 'USD', 5, 1, 0, 6, '1 Quay', now(), now(), now()
                   from generate_series(1, $2) n
                 returning id
             )
             insert into order_lines (order_id, position, product_id, seller_id, name, sku, quantity, unit_price_minor,
                                      line_total_minor)
             select id, 1, 2, 20, 'Pen', 'PEN-01', 1, 5, 5 from placed",
        )
        .bind(user)
        .bind(count)
        .execute(&self.db.pool)
        .await
        .unwrap();
        for table in ["orders", "order_lines"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("vacuum analyze {table}")))
                .execute(&self.db.pool)
                .await
                .unwrap();
        }
    }

    /// How many blocks of tables and indexes the service has read so far; it has one connection.
    async fn blocks(&self) -> i64 {
        let mut conn = self.app.db.acquire().await.unwrap();
        sqlx::query("select pg_stat_force_next_flush()")
            .execute(&mut *conn)
            .await
            .unwrap();
        sqlx::query_scalar(
            "select (sum(heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit))::bigint
               from pg_statio_user_tables where relname in ('orders', 'order_lines')",
        )
        .fetch_one(&mut *conn)
        .await
        .unwrap()
    }
}

fn next(answer: &Answer) -> String {
    answer.body["pagination"]["nextCursor"]
        .as_str()
        .unwrap()
        .to_owned()
}

// PAG-4
#[tokio::test]
async fn a_total_is_exact_below_ten_thousand_and_beyond_only_if_asked_for() {
    let shop = Orders::start().await;
    shop.stacks(ALICE, 9_999).await;
    shop.stacks(BOB, 10_001).await;
    let total = async |user: i64, query: &str| {
        let answer = shop.get(user, &format!("/orders?limit=100{query}")).await;
        let p = &answer.body["pagination"];
        (p["total"].clone(), p["totalIs"].clone(), p["totalPages"].clone())
    };
    assert_eq!(total(ALICE, "").await, (json!(9_999), Value::Null, json!(100)));
    assert_eq!(
        total(BOB, "").await,
        (json!(10_000), json!("at-least"), json!(100))
    );
    assert_eq!(total(BOB, "&page=100").await.1, "at-least");
    assert_eq!(
        total(BOB, "&count=exact").await,
        (json!(10_001), Value::Null, json!(101))
    );
    let answer = shop.get(BOB, "/orders?count=all").await;
    assert_eq!(
        (answer.status.as_u16(), answer.pointers()),
        (422, vec!["/query/count"])
    );
}

// PAG-5
#[tokio::test]
async fn the_ten_thousandth_page_costs_what_the_first_does() {
    let shop = Orders::start_with(|config| {
        config.database.max_connections = 1;
        config.database.acquire_timeout = Duration::from_secs(60);
    })
    .await;
    shop.stacks(ALICE, 10_100).await;
    let page = async |cursor: &str| {
        let before = shop.blocks().await;
        let answer = shop.get(ALICE, &format!("/orders?limit=1&cursor={cursor}")).await;
        assert_eq!(answer.body["orders"].as_array().unwrap().len(), 1);
        shop.blocks().await - before
    };
    let start = next(&shop.get(ALICE, "/orders?limit=1").await);
    let (_warm, near) = (page(&start).await, page(&start).await);
    // 10,000 orders lie before it.
    let far = page(&next(&shop.get(ALICE, "/orders?page=100&limit=100").await)).await;
    assert!(
        (1..=2 * near).contains(&far),
        "{near} blocks on the second page, {far} on the ten thousandth"
    );
}
