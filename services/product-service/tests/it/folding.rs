//! Holds that come at the same time share statements and commits, and none is the worse for it.

use std::sync::Arc;

use futures::future::join_all;
use pg::fold;
use product_service::domain::{HoldLines, Ttl};
use product_service::error::ProductError;
use product_service::ops::hold::{Answer, Shelves};
use product_service::store::holds::Wish;
use product_service::store::reservations;
use runtime::Clock as _;
use types::{OrderId, TestClock, UserId};
use wire::code;

use crate::harness::{Shop, TTL};

fn wish(order: i64, lines: &[(i64, u32)]) -> Wish {
    Wish {
        order: OrderId::new(order).unwrap(),
        user: UserId::new(9).unwrap(),
        lines: HoldLines::new(lines.iter().copied()).unwrap(),
        ttl: Ttl::new(TTL).unwrap(),
        request_id: None,
    }
}

fn shelves(shop: &Shop) -> Shelves {
    Shelves {
        db: shop.db.pool.clone(),
        clock: Arc::<TestClock>::clone(&shop.clock) as _,
        low: 5,
    }
}

/// `ok`, or the code of the refusal, or `fault`.
fn words(answers: Vec<Answer>) -> Vec<&'static str> {
    let word = |answer: Answer| match answer {
        Ok(_) => "ok",
        Err(ProductError::Refused(refusal)) => {
            let problem = souk_http::Problem::from(refusal);
            problem.code().slug
        }
        Err(_) => "fault",
    };
    answers.into_iter().map(word).collect()
}

// STK-2, STK-3
#[tokio::test]
async fn holds_that_come_together_share_their_commits() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 1_000).await;
    join_all((1..=200).map(async |order| shop.hold(order, [(mug, 1)]).await.unwrap())).await;
    let commits: i64 = sqlx::query_scalar("select count(distinct xmin::text) from reservations")
        .fetch_one(&shop.db.pool)
        .await
        .unwrap();
    assert!(commits <= 50, "200 holds took {commits} commits");
    assert_eq!(shop.shelf(mug).await, (1_000, 200));
    shop.check_books().await;
}

// STK-2
#[tokio::test]
async fn room_that_a_refused_hold_left_is_used_by_those_behind_it() {
    let shop = Shop::open().await;
    let (mug, pot) = (shop.stocks("Mug", 4).await, shop.stocks("Pot", 1).await);
    let answers = fold::all(
        &shelves(&shop),
        &[
            wish(1, &[(mug, 1)]),
            // Lacks a pot, so its mugs are free for those behind it.
            wish(2, &[(mug, 2), (pot, 2)]),
            wish(3, &[(mug, 2), (pot, 1)]),
            wish(4, &[(mug, 2)]),
            wish(5, &[(mug, 1)]),
            wish(6, &[(mug, 1)]),
            wish(7, &[(pot + 100, 1)]),
        ],
    )
    .await;
    let short = code::INSUFFICIENT_STOCK.slug;
    let gone = code::PRODUCT_UNAVAILABLE.slug;
    assert_eq!(words(answers), ["ok", short, "ok", short, "ok", short, gone]);
    assert_eq!(shop.shelf(mug).await, (4, 4));
    assert_eq!(shop.shelf(pot).await, (1, 1));
    shop.check_books().await;
}

// STK-6, STK-10: what an order has already is answered, whoever else is in the batch
#[tokio::test]
async fn a_batch_answers_repeats_and_tombstones_as_if_they_were_alone() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 3).await;
    shop.hold(1, [(mug, 3)]).await.unwrap();
    shop.release(2).await.unwrap();
    let answers = fold::all(
        &shelves(&shop),
        &[wish(1, &[(mug, 3)]), wish(2, &[(mug, 1)]), wish(3, &[(mug, 1)])],
    )
    .await;
    let (buried, short) = (code::RESERVATION_CANCELLED.slug, code::INSUFFICIENT_STOCK.slug);
    assert_eq!(words(answers), ["ok", buried, short]);
    shop.check_books().await;
}

// STK-7
#[tokio::test]
async fn a_batch_takes_what_expired_holds_still_hold() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 3).await;
    shop.hold(1, [(mug, 2)]).await.unwrap();
    shop.clock.advance(std::time::Duration::from_secs(u64::from(TTL)));
    shop.hold(2, [(mug, 1)]).await.unwrap();
    let wishes: Vec<Wish> = (3..=6).map(|order| wish(order, &[(mug, 1)])).collect();
    let answers = fold::all(&shelves(&shop), &wishes).await;
    let short = code::INSUFFICIENT_STOCK.slug;
    assert_eq!(words(answers), ["ok", "ok", short, short]);
    assert_eq!(shop.shelf(mug).await, (3, 3));
    shop.check_books().await;
}

#[tokio::test]
async fn a_hold_that_the_database_cannot_take_does_not_take_the_others_with_it() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 3).await;
    let broken = Wish {
        request_id: Some("no text of PostgreSQL holds a \0".to_owned()),
        ..wish(2, &[(mug, 1)])
    };
    let answers = fold::all(
        &shelves(&shop),
        &[wish(1, &[(mug, 1)]), broken, wish(3, &[(mug, 1)])],
    )
    .await;
    assert_eq!(words(answers), ["ok", "fault", "ok"]);
    assert_eq!(shop.shelf(mug).await, (3, 2));
    shop.check_books().await;
}

// STK-2: PostgreSQL checks constraints against the row that the statement's snapshot shows, before it looks for a newer
// one; what is written must not be computed from that row
#[tokio::test]
async fn a_hold_that_waited_for_a_release_takes_what_was_released() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 2).await;
    shop.hold(1, [(mug, 2)]).await.unwrap();
    let mut releasing = pg::begin(&shop.db.pool).await.unwrap();
    let order = OrderId::new(1).unwrap();
    reservations::release(&mut releasing, order, "test", shop.clock.now())
        .await
        .unwrap();
    let wishes = [wish(2, &[(mug, 2)])];
    let shelves = shelves(&shop);
    let (answers, ()) = tokio::join!(fold::all(&shelves, &wishes), async {
        shop.waits_for_a_lock().await;
        releasing.commit().await.unwrap();
    });
    assert_eq!(words(answers), ["ok"]);
    assert_eq!(shop.shelf(mug).await, (2, 2));
    shop.check_books().await;
}

// STK-9: the same the other way round, where the snapshot shows nothing reserved
#[tokio::test]
async fn a_release_that_waited_for_an_adjustment_gives_back_what_was_held() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 2).await;
    shop.hold(1, [(mug, 2)]).await.unwrap();
    let mut counting = pg::begin(&shop.db.pool).await.unwrap();
    sqlx::query("update stock set on_hand = on_hand + 1 where product_id = $1")
        .bind(mug)
        .execute(&mut *counting)
        .await
        .unwrap();
    let (released, ()) = tokio::join!(shop.release(1), async {
        shop.waits_for_a_lock().await;
        counting.commit().await.unwrap();
    });
    assert_eq!(released, Ok(()));
    assert_eq!(shop.shelf(mug).await, (3, 0));
}

type Told = (String, serde_json::Value, String);

async fn told(shop: &Shop) -> Vec<Told> {
    sqlx::query_as("select type, payload, actor from outbox where type = 'stock.low.v1' order by id")
        .fetch_all(&shop.db.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn that_little_is_left_is_told_once_when_it_becomes_so() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 8).await;
    shop.hold(1, [(mug, 2)]).await.unwrap();
    assert!(told(&shop).await.is_empty());
    // 6 → 4, then 4 → 3.
    shop.hold(2, [(mug, 2)]).await.unwrap();
    shop.hold(3, [(mug, 1)]).await.unwrap();
    shop.hold(4, [(mug, 9)]).await.unwrap_err();
    let payload = serde_json::json!({"productId": mug, "available": 4, "threshold": 5});
    let first: Told = ("stock.low.v1".to_owned(), payload, "system".to_owned());
    assert_eq!(told(&shop).await, std::slice::from_ref(&first));
    // Plenty again, then counted down by hand.
    shop.release(1).await.unwrap();
    shop.release(2).await.unwrap();
    let counted = serde_json::json!({"onHand": 6, "expectedOnHand": 8, "reason": "two broke"});
    shop.seller()
        .put(&format!("/products/{mug}/stock"), counted)
        .await
        .is(200);
    let payload = serde_json::json!({"productId": mug, "available": 5, "threshold": 5});
    let second: Told = ("stock.low.v1".to_owned(), payload, "seller:7".to_owned());
    assert_eq!(told(&shop).await, [first, second]);
}
