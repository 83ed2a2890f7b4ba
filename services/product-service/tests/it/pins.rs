//! Holds that outlive their time.

use std::time::Duration;

use wire::code;
use wire::rpc::inventory::PinRequest;

use crate::harness::{Shop, TTL};

async fn pin(shop: &Shop, order_id: i64, pinned: bool) {
    let request = PinRequest {
        order_id,
        pinned,
        reason: "the payment is processing".to_owned(),
    };
    shop.inventory.clone().pin(request).await.unwrap();
}

async fn entries(shop: &Shop, order: i64) -> Vec<(String, i64, i64, Option<String>)> {
    sqlx::query_as("select reason, delta_on_hand, delta_reserved, note from stock_ledger where order_id = $1 order by id")
        .bind(order)
        .fetch_all(&shop.db.pool)
        .await
        .unwrap()
}

fn over(times: u32) -> Duration {
    Duration::from_secs(u64::from(TTL)) * times
}

// PAY-14, STK-7
#[tokio::test]
async fn a_pinned_hold_outlives_its_time_and_the_ledger_says_why() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    shop.hold(1, &[(mug, 3)]).await.unwrap();
    for _ in 0..3 {
        pin(&shop, 1, true).await;
    }
    shop.clock.advance(over(50));
    assert_eq!(shop.sweep().await, 0);
    assert_eq!(
        shop.hold(2, &[(mug, 3)]).await,
        Err(code::INSUFFICIENT_STOCK),
        "nor is it taken by somebody who wants it"
    );
    let now = types::Clock::now(&*shop.clock);
    let facts = product_service::operator::audit(&shop.db.pool, now, now)
        .await
        .unwrap();
    assert_eq!(
        (facts.overdue.checked, facts.overdue.broken),
        (1, 0),
        "the audit knows"
    );
    let why = Some("the payment is processing".to_owned());
    assert_eq!(
        entries(&shop, 1).await,
        [
            ("held".to_owned(), 0, 3, None),
            ("pinned".to_owned(), 0, 0, why.clone())
        ]
    );

    // Once nobody needs it any more, its time counts again, and is over.
    for _ in 0..2 {
        pin(&shop, 1, false).await;
    }
    assert_eq!(
        entries(&shop, 1).await.last().unwrap(),
        &("unpinned".to_owned(), 0, 0, why)
    );
    let facts = product_service::operator::audit(&shop.db.pool, now, now)
        .await
        .unwrap();
    assert_eq!(facts.overdue.broken, 1);
    assert_eq!((shop.sweep().await, shop.shelf(mug).await), (1, (5, 0)));
    shop.check_books().await;
}

// PAY-14
#[tokio::test]
async fn a_pinned_hold_is_sold_or_given_back_like_any_other() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    for order in [1, 2] {
        shop.hold(order, &[(mug, 1)]).await.unwrap();
        pin(&shop, order, true).await;
    }
    shop.clock.advance(over(2));
    shop.commit(1).await.unwrap();
    shop.release(2).await.unwrap();
    assert_eq!(shop.shelf(mug).await, (4, 0));
    shop.check_books().await;
}

// PAY-14
#[tokio::test]
async fn where_nothing_is_held_there_is_nothing_to_pin() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    shop.hold(1, &[(mug, 1)]).await.unwrap();
    shop.clock.advance(over(1));
    assert_eq!(shop.sweep().await, 1);
    for order in [1, 99] {
        pin(&shop, order, true).await;
    }
    assert_eq!(shop.shelf(mug).await, (5, 0));
    let pins = entries(&shop, 1)
        .await
        .into_iter()
        .filter(|(reason, ..)| reason == "pinned");
    assert_eq!(pins.count(), 0);
    shop.check_books().await;
}
