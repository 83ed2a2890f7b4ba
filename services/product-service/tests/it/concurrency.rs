//! Many at once, over real connections.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use sqlx::AssertSqlSafe;
use wire::code;

use crate::harness::{Outcome, Shop, TTL};

fn count(outcomes: &[Outcome], wanted: Outcome) -> usize {
    outcomes.iter().filter(|o| **o == wanted).count()
}

// STK-2
#[tokio::test(flavor = "multi_thread")]
async fn fifty_orders_of_one_on_a_stock_of_ten_are_ten() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 10).await;
    let outcomes = join_all((1..=50).map(async |order| shop.hold(order, [(mug, 1)]).await)).await;
    assert_eq!(count(&outcomes, Ok(())), 10);
    assert_eq!(count(&outcomes, Err(code::INSUFFICIENT_STOCK)), 40);
    assert_eq!(shop.shelf(mug).await, (10, 10));
    shop.check_books().await;
}

// STK-3
#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_holds_on_a_stock_of_a_hundred_are_a_hundred() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 100).await;
    let outcomes = join_all((1..=500).map(async |order| shop.hold(order, [(mug, 1)]).await)).await;
    assert_eq!(count(&outcomes, Ok(())), 100);
    assert_eq!(count(&outcomes, Err(code::INSUFFICIENT_STOCK)), 400);
    assert_eq!(shop.shelf(mug).await, (100, 100));
    shop.check_books().await;
}

// STK-6
#[tokio::test(flavor = "multi_thread")]
async fn fifty_holds_of_one_order_hold_once() {
    let shop = Shop::open().await;
    let (mug, pot) = (shop.stocks("Mug", 60).await, shop.stocks("Pot", 2).await);
    let outcomes = join_all((0..50).map(async |_| shop.hold(1, [(mug, 1), (pot, 2)]).await)).await;
    assert_eq!(count(&outcomes, Ok(())), 50);
    assert_eq!((shop.shelf(mug).await, shop.shelf(pot).await), ((60, 1), (2, 2)));
    // Other lines under one order, at once: one wins, the others are told.
    let outcomes = join_all((1..=20).map(async |n| shop.hold(2, [(mug, n)]).await)).await;
    assert_eq!(count(&outcomes, Ok(())), 1);
    assert_eq!(count(&outcomes, Err(code::IDEMPOTENCY_MISMATCH)), 19);
    shop.check_books().await;
}

// STK-9
#[tokio::test(flavor = "multi_thread")]
async fn fifty_releases_give_back_once() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 10).await;
    shop.hold(1, [(mug, 3)]).await.unwrap();
    shop.hold(2, [(mug, 4)]).await.unwrap();
    let outcomes = join_all((0..50).map(async |_| shop.release(1).await)).await;
    assert_eq!(count(&outcomes, Ok(())), 50);
    assert_eq!(shop.shelf(mug).await, (10, 4));
    shop.check_books().await;
}

// STK-8, STK-11
#[tokio::test(flavor = "multi_thread")]
async fn fifty_commits_sell_once_and_fifty_restocks_put_back_once() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 10).await;
    shop.hold(1, [(mug, 3)]).await.unwrap();
    assert_eq!(
        count(
            &join_all((0..50).map(async |_| shop.commit(1).await)).await,
            Ok(())
        ),
        50
    );
    assert_eq!(shop.shelf(mug).await, (7, 0));
    assert_eq!(
        count(
            &join_all((0..50).map(async |_| shop.restock(1).await)).await,
            Ok(())
        ),
        50
    );
    assert_eq!(shop.shelf(mug).await, (10, 0));
    shop.check_books().await;
}

// STK-2
#[tokio::test(flavor = "multi_thread")]
async fn holds_of_the_same_products_in_opposite_order_never_deadlock() {
    let shop = Shop::open().await;
    let mut products = Vec::new();
    for name in ["A", "B", "C", "D", "E"] {
        products.push(shop.stocks(name, 1_000).await);
    }
    let (shop, products) = (&shop, &products);
    let outcomes = join_all((1..=200_i64).map(|order| async move {
        let mut lines: Vec<(i64, u32)> = products.iter().map(|id| (*id, 1)).collect();
        if order % 2 == 0 {
            lines.reverse();
        }
        shop.hold(order, &lines).await?;
        match order % 3 {
            0 => shop.commit(order).await,
            1 => shop.release(order).await,
            _ => Ok(()),
        }
    }))
    .await;
    assert_eq!(count(&outcomes, Ok(())), 200);
    for product in products {
        assert_eq!(shop.shelf(*product).await, (1_000 - 66, 67));
    }
    shop.check_books().await;
}

// STK-8, STK-9
#[tokio::test(flavor = "multi_thread")]
async fn a_release_against_a_commit_has_one_winner() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 100).await;
    let mut sold = 0;
    for order in 1..=40 {
        shop.hold(order, [(mug, 1)]).await.unwrap();
        let (released, committed) = tokio::join!(shop.release(order), shop.commit(order));
        match (released, committed) {
            (Ok(()), Err(code::RESERVATION_LOST)) => {}
            (Err(code::ALREADY_COMMITTED), Ok(())) => sold += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(shop.shelf(mug).await, (100 - sold, 0));
    shop.check_books().await;
}

// STK-10
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_against_its_release_holds_nothing_in_the_end() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 100).await;
    for order in 1..=60 {
        let (held, released, repeated) = tokio::join!(
            shop.hold(order, [(mug, 2)]),
            shop.release(order),
            shop.hold(order, [(mug, 2)])
        );
        assert_eq!(released, Ok(()));
        for outcome in [held, repeated] {
            assert!(
                matches!(outcome, Ok(()) | Err(code::RESERVATION_CANCELLED)),
                "{outcome:?}"
            );
        }
    }
    assert_eq!(shop.shelf(mug).await, (100, 0));
    shop.check_books().await;
}

// STK-7, STK-8, STK-9
#[tokio::test(flavor = "multi_thread")]
async fn expiry_against_commit_release_and_new_holds_keeps_the_books() {
    let shop = Shop::open().await;
    let (mug, pot) = (shop.stocks("Mug", 12).await, shop.stocks("Pot", 12).await);
    for round in 0..10_i64 {
        let first = round * 100;
        join_all((1..=12).map(async |n| shop.hold(first + n, [(mug, 1), (pot, 1)]).await)).await;
        shop.clock.advance(Duration::from_secs(TTL.into()));
        let shop = &shop;
        let ends = join_all((1..=12_i64).map(|n| async move {
            match n % 3 {
                0 => shop.commit(first + n).await.map_err(|code| (n, code)),
                1 => shop.release(first + n).await.map_err(|code| (n, code)),
                _ => match shop.hold(first + 50 + n, [(pot, 2), (mug, 2)]).await {
                    Ok(()) | Err(code::INSUFFICIENT_STOCK) => Ok(()),
                    Err(code) => Err((n, code)),
                },
            }
        }));
        let ((), ends, _, _) = tokio::join!(shop.check_books(), ends, shop.sweep(), shop.sweep());
        for end in ends {
            assert!(
                matches!(end, Ok(()) | Err((_, code::RESERVATION_LOST))),
                "{end:?}"
            );
        }
        // Whatever is left of this round goes back.
        shop.clock.advance(Duration::from_secs(TTL.into()));
        shop.sweep().await;
        let (on_hand, reserved) = shop.shelf(mug).await;
        assert_eq!(
            (reserved, (on_hand, reserved)),
            (0, shop.shelf(pot).await),
            "round {round}"
        );
        join_all((1..=12).map(async |n| shop.restock(first + n).await)).await;
        assert_eq!(shop.shelf(mug).await, (12, 0));
    }
    shop.check_books().await;
}

// CAT-4
#[tokio::test(flavor = "multi_thread")]
async fn a_sellers_write_of_stock_among_holds_loses_neither() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 100).await;
    let path = format!("/products/{mug}");
    let writes = join_all((0..10).map(|_| async {
        shop.seller()
            .put(&path, serde_json::json!({"stock": 100}))
            .await
            .is(200)
    }));
    let holds = join_all((1..=40).map(async |order| shop.hold(order, [(mug, 1)]).await));
    let (_, outcomes) = tokio::join!(writes, holds);
    assert_eq!(count(&outcomes, Ok(())), 40);
    assert_eq!(shop.shelf(mug).await.1, 40);
    shop.check_books().await;
}

// CAT-3, STK-12
#[tokio::test]
async fn a_version_with_its_stock_is_not_written_over_by_who_waited_for_another_writer() {
    let shop = Shop::open().await;
    let count = json!({"onHand": 12, "expectedOnHand": 3, "reason": "inventory"});
    for (way, body) in [("", json!({"stock": 12})), ("/stock", count)] {
        // Who changes the product locks it, who buys of it locks its stock.
        for locked in ["products where id", "stock where product_id"] {
            let id = shop.stocks("Mug", 10).await;
            let path = format!("/products/{id}");
            let tag = shop.get(&path).await.header("etag").to_owned();
            let mut other = pg::begin(&shop.db.pool).await.unwrap();
            let lock = format!("select from {locked} = $1 for no key update");
            let lock = sqlx::query(AssertSqlSafe(lock)).bind(id);
            lock.execute(&mut *other).await.unwrap();
            let seller = shop.seller().with("if-match", tag);
            let path = format!("{path}{way}");
            let (answer, ()) = tokio::join!(seller.put(&path, body.clone()), async {
                shop.waits_for_a_lock().await;
                let sold = sqlx::query("update stock set on_hand = 3 where product_id = $1").bind(id);
                sold.execute(&mut *other).await.unwrap();
                other.commit().await.unwrap();
            });
            answer.refuses(code::PRECONDITION_FAILED);
            assert_eq!(shop.shelf(id).await, (3, 0), "{path}, {locked}");
        }
    }
}
