//! Hold, commit, release, restock, expiry: one at a time.

use std::time::Duration;

use serde_json::json;
use wire::code;
use wire::rpc::Refused;
use wire::rpc::inventory::{CommitRequest, HoldRequest};

use crate::harness::{Shop, TTL};

fn after(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

// STK-1, STK-2, STK-8
#[tokio::test]
async fn what_is_held_is_reserved_and_what_is_committed_is_sold() {
    let shop = Shop::open().await;
    let (mug, pot) = (shop.stocks("Mug", 10).await, shop.stocks("Pot", 5).await);

    shop.hold(1, &[(pot, 1), (mug, 3)]).await.unwrap();
    assert_eq!((shop.shelf(mug).await, shop.shelf(pot).await), ((10, 3), (5, 1)));
    assert_eq!(
        shop.get(&format!("/products/{mug}")).await.json["stockQuantity"],
        7
    );
    shop.check_books().await;

    shop.commit(1).await.unwrap();
    assert_eq!((shop.shelf(mug).await, shop.shelf(pot).await), ((7, 0), (4, 0)));
    shop.check_books().await;
}

// STK-8
#[tokio::test]
async fn a_repeated_commit_sells_nothing_more() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 10).await;
    shop.hold(1, &[(mug, 3)]).await.unwrap();
    for _ in 0..3 {
        shop.commit(1).await.unwrap();
    }
    assert_eq!(shop.shelf(mug).await, (7, 0));
    shop.check_books().await;
}

// STK-2
#[tokio::test]
async fn a_hold_is_all_or_nothing_and_names_the_lines_that_are_short() {
    let shop = Shop::open().await;
    let (mug, pot, rug) = (
        shop.stocks("Mug", 10).await,
        shop.stocks("Pot", 1).await,
        shop.stocks("Rug", 0).await,
    );
    let db = &shop.db.pool;
    let sku = |name: &'static str| async move {
        sqlx::query_scalar::<_, String>("select sku from products where name = $1")
            .bind(name)
            .fetch_one(db)
            .await
            .unwrap()
    };
    let status = shop
        .try_hold(1, &[(rug, 4), (mug, 2), (pot, 2)], TTL)
        .await
        .unwrap_err();
    let refused = Refused::from_status(&status).unwrap();
    assert_eq!(refused.code, code::INSUFFICIENT_STOCK);
    assert_eq!(
        refused.data,
        json!({"lines": [
            {"productId": pot, "sku": sku("Pot").await, "left": 1, "requested": 2},
            {"productId": rug, "sku": sku("Rug").await, "left": 0, "requested": 4},
        ]})
    );
    assert_eq!(shop.shelf(mug).await, (10, 0));
    // Nothing is remembered of it: the order may try again with fewer.
    shop.hold(1, &[(mug, 2), (pot, 1)]).await.unwrap();
    shop.check_books().await;
}

// STK-4
#[tokio::test]
async fn lines_of_one_product_are_added_up_before_the_check() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 3).await;
    assert_eq!(
        shop.hold(1, &[(mug, 2), (mug, 2)]).await,
        Err(code::INSUFFICIENT_STOCK)
    );
    shop.hold(2, &[(mug, 2), (mug, 1)]).await.unwrap();
    assert_eq!(shop.shelf(mug).await, (3, 3));
    shop.check_books().await;
}

// STK-5, STK-7
#[tokio::test]
async fn quantities_and_spans_out_of_bounds_are_refused_and_nothing_is_written() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 3).await;
    for lines in [&[][..], &[(mug, 0)], &[(mug, 1_000)], &[(0, 1)], &[(-1, 1)]] {
        assert_eq!(shop.hold(1, lines).await, Err(code::INVALID), "{lines:?}");
    }
    for ttl in [0, 59, 7_201, u32::MAX] {
        let status = shop.try_hold(1, &[(mug, 1)], ttl).await.unwrap_err();
        assert_eq!(Refused::from_status(&status).unwrap().code, code::INVALID);
    }
    assert_eq!(shop.shelf(mug).await, (3, 0));
    shop.hold(1, &[(mug, 1)]).await.unwrap();
}

// STK-6
#[tokio::test]
async fn a_repeated_hold_is_answered_alike_even_when_it_took_the_last_unit() {
    let shop = Shop::open().await;
    let (mug, pot) = (shop.stocks("Mug", 3).await, shop.stocks("Pot", 3).await);
    let first = shop.try_hold(1, &[(mug, 3), (pot, 1)], TTL).await.unwrap();
    shop.clock.advance(after(60));
    assert_eq!(
        shop.try_hold(1, &[(pot, 1), (mug, 2), (mug, 1)], TTL)
            .await
            .unwrap(),
        first
    );
    assert_eq!(shop.shelf(mug).await, (3, 3));

    for other in [&[(mug, 1)][..], &[(mug, 3)], &[(mug, 3), (pot, 2)], &[(pot, 1)]] {
        assert_eq!(
            shop.hold(1, other).await,
            Err(code::IDEMPOTENCY_MISMATCH),
            "{other:?}"
        );
    }
    shop.commit(1).await.unwrap();
    assert_eq!(
        shop.try_hold(1, &[(mug, 3), (pot, 1)], TTL).await.unwrap(),
        first,
        "also once it is sold"
    );
    assert_eq!(shop.shelf(mug).await, (0, 0));
    shop.check_books().await;
}

// STK-9
#[tokio::test]
async fn a_release_gives_back_once_and_never_what_was_sold() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    shop.hold(1, &[(mug, 2)]).await.unwrap();
    for _ in 0..3 {
        shop.release(1).await.unwrap();
    }
    assert_eq!(shop.shelf(mug).await, (5, 0));
    assert_eq!(shop.commit(1).await, Err(code::RESERVATION_LOST));
    assert_eq!(shop.hold(1, &[(mug, 2)]).await, Err(code::RESERVATION_CANCELLED));

    shop.hold(2, &[(mug, 2)]).await.unwrap();
    shop.commit(2).await.unwrap();
    assert_eq!(shop.release(2).await, Err(code::ALREADY_COMMITTED));
    assert_eq!(shop.shelf(mug).await, (3, 0));
    shop.check_books().await;
}

// STK-10
#[tokio::test]
async fn a_release_before_its_hold_refuses_the_late_hold() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    shop.release(1).await.unwrap();
    shop.release(1).await.unwrap();
    assert_eq!(shop.hold(1, &[(mug, 2)]).await, Err(code::RESERVATION_CANCELLED));
    assert_eq!(
        shop.hold(1, &[(mug, 99)]).await,
        Err(code::RESERVATION_CANCELLED),
        "even one that would be short"
    );
    assert_eq!(shop.commit(1).await, Err(code::RESERVATION_LOST));
    assert_eq!(shop.commit(2).await, Err(code::RESERVATION_LOST), "never held");
    assert_eq!(shop.shelf(mug).await, (5, 0));
    shop.check_books().await;
}

// STK-11
#[tokio::test]
async fn what_was_sold_goes_back_on_the_shelf_once() {
    let shop = Shop::open().await;
    let (mug, pot) = (shop.stocks("Mug", 5).await, shop.stocks("Pot", 5).await);
    shop.hold(1, &[(mug, 2), (pot, 1)]).await.unwrap();
    shop.restock(1).await.unwrap();
    assert_eq!(shop.shelf(mug).await, (5, 2), "nothing was sold yet");
    shop.commit(1).await.unwrap();
    for _ in 0..3 {
        shop.restock(1).await.unwrap();
    }
    assert_eq!((shop.shelf(mug).await, shop.shelf(pot).await), ((5, 0), (5, 0)));
    shop.restock(99).await.unwrap();
    assert_eq!(shop.release(1).await, Err(code::ALREADY_COMMITTED));
    shop.check_books().await;
}

// STK-7
#[tokio::test]
async fn the_sweeper_frees_holds_whose_time_is_over_and_no_others() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    shop.hold(1, &[(mug, 2)]).await.unwrap();
    shop.clock.advance(after(TTL - 1));
    shop.hold(2, &[(mug, 1)]).await.unwrap();
    assert_eq!(shop.sweep().await, 0);
    shop.clock.advance(after(1));
    assert_eq!(shop.sweep().await, 1);
    assert_eq!(shop.shelf(mug).await, (5, 1));
    assert_eq!(shop.sweep().await, 0);
    shop.release(1).await.unwrap();
    assert_eq!(
        shop.shelf(mug).await,
        (5, 1),
        "a release of an expired hold gives nothing back"
    );
    shop.check_books().await;
}

// STK-7
#[tokio::test]
async fn a_hold_takes_from_expired_holds_before_it_is_refused() {
    let shop = Shop::open().await;
    let (mug, pot) = (shop.stocks("Mug", 5).await, shop.stocks("Pot", 5).await);
    shop.hold(1, &[(mug, 4), (pot, 5)]).await.unwrap();
    shop.clock.advance(after(TTL));
    shop.hold(2, &[(mug, 5)]).await.unwrap();
    assert_eq!(
        (shop.shelf(mug).await, shop.shelf(pot).await),
        ((5, 5), (5, 0)),
        "the whole order was freed"
    );
    assert_eq!(shop.hold(3, &[(mug, 1)]).await, Err(code::INSUFFICIENT_STOCK));
    shop.check_books().await;
}

// STK-8
#[tokio::test]
async fn a_late_commit_takes_its_stock_again_if_it_is_there() {
    let shop = Shop::open().await;
    let (mug, pot) = (shop.stocks("Mug", 5).await, shop.stocks("Pot", 5).await);
    let lines = [(mug, 3), (pot, 1)];
    for order in [1, 2] {
        shop.hold(order, &lines[..usize::try_from(order).unwrap()])
            .await
            .unwrap();
        shop.clock.advance(after(TTL));
        shop.sweep().await;
    }
    shop.commit(1).await.unwrap();
    assert_eq!(shop.shelf(mug).await, (2, 0));
    assert_eq!(
        shop.commit(2).await,
        Err(code::RESERVATION_LOST),
        "the mugs went to the other order"
    );
    assert_eq!(
        (shop.shelf(mug).await, shop.shelf(pot).await),
        ((2, 0), (5, 0)),
        "and nothing changed"
    );
    shop.commit(1).await.unwrap();
    shop.check_books().await;
}

// STK-8, STK-9: who gave it back has cancelled the order, and a commit that was sent before may come after
#[tokio::test]
async fn an_expired_hold_that_was_released_is_not_committed_any_more() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    for (order, is_swept) in [(1, true), (2, false)] {
        shop.hold(order, &[(mug, 2)]).await.unwrap();
        shop.clock.advance(after(TTL));
        if is_swept {
            shop.sweep().await;
        }
        shop.release(order).await.unwrap();
        shop.release(order).await.unwrap();
        assert_eq!(shop.commit(order).await, Err(code::RESERVATION_LOST), "{order}");
        assert_eq!(shop.shelf(mug).await, (5, 0));
    }
    shop.check_books().await;
}

// STK-8
#[tokio::test]
async fn a_late_commit_takes_from_other_expired_holds() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    shop.hold(1, &[(mug, 3)]).await.unwrap();
    shop.clock.advance(after(TTL));
    shop.sweep().await;
    shop.hold(2, &[(mug, 4)]).await.unwrap();
    assert_eq!(shop.commit(1).await, Err(code::RESERVATION_LOST));
    shop.clock.advance(after(TTL));
    shop.commit(1).await.unwrap();
    assert_eq!(shop.shelf(mug).await, (2, 0));
    assert_eq!(shop.commit(2).await, Err(code::RESERVATION_LOST));
    shop.check_books().await;
}

// STK-8
#[tokio::test]
async fn a_hold_that_is_over_but_not_swept_yet_can_still_be_committed() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    shop.hold(1, &[(mug, 5)]).await.unwrap();
    shop.clock.advance(after(2 * TTL));
    shop.commit(1).await.unwrap();
    assert_eq!((shop.sweep().await, shop.shelf(mug).await), (0, (0, 0)));
    shop.check_books().await;
}

// ORD-5, CAT-5
#[tokio::test]
async fn what_is_off_sale_is_neither_quoted_nor_held_but_what_is_held_can_be_sold() {
    let shop = Shop::open().await;
    let (mug, pot, rug) = (
        shop.stocks("Mug", 5).await,
        shop.stocks("Pot", 5).await,
        shop.stocks("Rug", 5).await,
    );
    shop.hold(1, &[(mug, 1), (pot, 1)]).await.unwrap();
    shop.seller()
        .put(&format!("/products/{mug}"), json!({"active": false}))
        .await
        .is(200);
    shop.seller().delete(&format!("/products/{pot}")).await.is(200);

    let quoted = shop.quote(&[mug, pot, rug, 999, -1]).await;
    assert_eq!(quoted.iter().map(|q| q.product_id).collect::<Vec<_>>(), [rug]);
    assert_eq!(
        (
            quoted[0].unit_price_minor,
            quoted[0].currency.as_str(),
            quoted[0].seller_id
        ),
        (1_000, "USD", 7)
    );
    for lines in [&[(mug, 1)][..], &[(rug, 1), (pot, 1)], &[(rug, 1), (999, 1)]] {
        assert_eq!(
            shop.hold(2, lines).await,
            Err(code::PRODUCT_UNAVAILABLE),
            "{lines:?}"
        );
    }
    shop.commit(1).await.unwrap();
    shop.restock(1).await.unwrap();
    assert_eq!(shop.shelf(pot).await, (5, 0));
    shop.check_books().await;
}

// STK-15
#[tokio::test]
async fn the_stock_is_reachable_only_with_a_service_identity() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    let status = shop
        .inventory_of_a_stranger()
        .commit(CommitRequest { order_id: 1 })
        .await
        .unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
    let hold = HoldRequest {
        order_id: 1,
        lines: vec![],
        ttl_seconds: TTL,
        user_id: 1,
    };
    assert!(shop.inventory_of_a_stranger().hold(hold).await.is_err());
    shop.admin()
        .post("/souk.inventory.v1.Inventory/Hold", json!({}))
        .await
        .refuses(code::NOT_FOUND);
    assert_eq!(shop.shelf(mug).await, (5, 0));
}
