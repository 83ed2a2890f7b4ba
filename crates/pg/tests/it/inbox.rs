use futures::future::join_all;
use pg::inbox;
use uuid::Uuid;

use crate::harness::{NOW, database};

#[tokio::test]
async fn an_event_delivered_many_times_at_once_has_one_effect() {
    // EVT-3
    let db = database().await;
    let event = Uuid::now_v7();
    let firsts = join_all((0..20).map(|_| async {
        let mut tx = pg::begin(&db.pool).await.unwrap();
        let first = inbox::first_time(&mut tx, "stock", event, NOW).await.unwrap();
        tx.commit().await.unwrap();
        first
    }))
    .await;
    assert_eq!(firsts.into_iter().filter(|first| *first).count(), 1);
}

#[tokio::test]
async fn an_effect_that_is_rolled_back_may_happen_again() {
    // EVT-3
    let db = database().await;
    let event = Uuid::now_v7();
    let mut tx = pg::begin(&db.pool).await.unwrap();
    assert!(inbox::first_time(&mut tx, "stock", event, NOW).await.unwrap());
    tx.rollback().await.unwrap();

    let mut conn = db.pool.acquire().await.unwrap();
    assert!(inbox::first_time(&mut conn, "stock", event, NOW).await.unwrap());
    assert!(
        inbox::first_time(&mut conn, "mail", event, NOW).await.unwrap(),
        "another consumer has its own"
    );
}
