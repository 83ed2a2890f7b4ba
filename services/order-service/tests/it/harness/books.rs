//! What is left when all is done, and whether it agrees.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;

use super::{ADMIN, Orders};

impl Orders {
    /// Does all work that is due.
    pub async fn settle(&self) {
        while self.deliver_all().await + self.app.run_due().await.unwrap() > 0 {}
    }

    /// Moves the clock, then does what is due by then.
    pub async fn after(&self, span: Duration) {
        self.clock.advance(span);
        self.settle().await;
    }

    /// Does all work that is due. Nothing may be left then, save orders that wait for their money, and what the order
    /// says, what is in stock and what was paid must agree.
    pub async fn settled(&self) {
        self.settle().await;
        let open: Vec<(String, i64, String, Option<String>)> = sqlx::query_as(
            "select name, subject_id, state, step from saga
              where state not in ('done', 'undone', 'diverted')
                and not (state = 'parked' and step = 'await-payment')",
        )
        .fetch_all(&self.db.pool)
        .await
        .unwrap();
        assert!(open.is_empty(), "sagas are left over: {open:?}");
        let jobs: Vec<(String, serde_json::Value, String)> =
            sqlx::query_as("select kind, payload, state from job")
                .fetch_all(&self.db.pool)
                .await
                .unwrap();
        assert!(jobs.is_empty(), "jobs are left over: {jobs:?}");
        let orders: Vec<(i64, String)> = sqlx::query_as("select id, status from orders")
            .fetch_all(&self.db.pool)
            .await
            .unwrap();
        for (order, status) in orders {
            let (stock, money) = (self.stock.state(order), self.money.state(order));
            let agree = match status.as_str() {
                "confirmed" => stock == "held" && matches!(money, "open" | "partly refunded"),
                "paid" | "processing" | "shipped" | "delivered" => {
                    stock == "committed" && matches!(money, "captured" | "partly refunded")
                }
                "refunded" => stock == "committed" && money == "refunded",
                "cancelled" => {
                    !matches!(stock, "held" | "committed")
                        && matches!(money, "none" | "tombstone" | "cancelled" | "refunded")
                }
                _ => false,
            };
            assert!(
                agree,
                "order {order} is {status}, its stock {stock}, its money {money}"
            );
        }
        self.owing.store(false, Ordering::SeqCst);
    }

    /// The test means to leave work over.
    pub fn left_open(&self) {
        self.owing.store(false, Ordering::SeqCst);
    }

    /// The order as an admin sees it.
    pub async fn order(&self, order: i64) -> Value {
        let answer = self.get(ADMIN, &format!("/orders/{order}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    pub async fn status(&self, order: i64) -> String {
        self.order(order).await["status"].as_str().unwrap().to_owned()
    }

    /// The mails that were sent, by their Message-IDs and in order of these: each with its text.
    pub fn mails(&self) -> BTreeMap<String, String> {
        let files = std::fs::read_dir(&self.mails).into_iter().flatten();
        let paths = files.map(|file| file.unwrap().path());
        // Beside them are those that are being written, under other names.
        let mails = paths.filter(|path| path.extension().is_some_and(|e| e == "eml"));
        let texts = mails.map(|path| std::fs::read_to_string(path).unwrap());
        texts
            .map(|text| {
                let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: "));
                (id.unwrap().to_owned(), text)
            })
            .collect()
    }

    /// The statuses that the order has been in.
    pub async fn history(&self, order: i64) -> Vec<String> {
        sqlx::query_scalar("select to_status from order_history where order_id = $1 order by id")
            .bind(order)
            .fetch_all(&self.db.pool)
            .await
            .unwrap()
    }

    /// How much `POST /orders` has written.
    pub async fn written(&self) -> i64 {
        self.count(
            "select (select count(*) from orders) + (select count(*) from saga)
                    + (select count(*) from idempotency_keys) + (select count(*) from outbox)",
        )
        .await
    }

    /// Numbers from the database.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.db.pool).await.unwrap()
    }
}
