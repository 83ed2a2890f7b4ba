use std::time::Duration;

use futures::future::join_all;
use pg::idempotency::{self, Begin, Scope};
use pg::testing::TestDb;
use time::macros::datetime;

#[tokio::test]
async fn of_a_hundred_equal_requests_one_does_the_work() {
    // IDK-7
    let db = TestDb::create("pg", async |pool| pg::migrate_all(pool, &[]).await.unwrap()).await;
    let scope = Scope {
        principal: "user:1",
        route: "POST /orders",
        key: "k",
        body_hash: b"h",
    };
    let now = datetime!(2030-01-01 0:00 UTC);
    let begun = join_all((0..100).map(|_| async {
        let mut conn = db.pool.acquire().await.unwrap();
        idempotency::begin(
            &mut conn,
            &scope,
            now,
            Duration::from_secs(30),
            Duration::from_secs(3600),
        )
        .await
        .unwrap()
    }))
    .await;
    assert_eq!(begun.iter().filter(|b| **b == Begin::New).count(), 1);
}
