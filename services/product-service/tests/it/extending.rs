//! Letting holds last longer.

use std::time::Duration;

use futures::future::join_all;
use types::Clock as _;
use wire::code;
use wire::rpc::Refused;

use crate::harness::{Shop, TTL};

impl Shop {
    fn now(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }

    fn pass(&self, seconds: i64) {
        self.clock.advance(Duration::from_secs(seconds.unsigned_abs()));
    }
}

// STK-7
#[tokio::test]
async fn an_extended_hold_outlives_its_first_end_and_not_its_last() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    shop.hold(1, &[(mug, 5)]).await.unwrap();
    shop.pass(i64::from(TTL) - 1);
    assert_eq!(shop.extend(1, 300).await, Ok(shop.now() + 300));
    shop.pass(299);
    assert_eq!((shop.sweep().await, shop.shelf(mug).await), (0, (5, 5)));
    assert_eq!(
        shop.hold(2, &[(mug, 1)]).await,
        Err(code::INSUFFICIENT_STOCK),
        "nor reclaimed"
    );
    shop.pass(1);
    assert_eq!((shop.sweep().await, shop.shelf(mug).await), (1, (5, 0)));
    shop.check_books().await;
}

// STK-7
#[tokio::test]
async fn a_hold_is_extended_to_an_hour_in_all_and_never_made_shorter() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    let start = shop.now();
    shop.hold(1, &[(mug, 1)]).await.unwrap();
    let first = start + i64::from(TTL);
    assert_eq!(
        shop.extend(1, 60).await,
        Ok(first),
        "it lasts longer than that already"
    );
    assert_eq!(shop.extend(1, 3_600).await, Ok(start + 3_600));
    shop.pass(3_000);
    assert_eq!(
        shop.extend(1, 3_600).await,
        Ok(start + 3_600),
        "an hour is an hour"
    );
    // A repeated hold says until when it lasts now.
    assert_eq!(shop.try_hold(1, &[(mug, 1)], TTL).await.unwrap(), start + 3_600);
    // One that was taken for longer keeps its time.
    let two_hours = shop.try_hold(2, &[(mug, 1)], 7_200).await.unwrap();
    shop.pass(100);
    assert_eq!(shop.extend(2, 600).await, Ok(two_hours));
    for seconds in [0, 59, 7_201] {
        assert_eq!(shop.extend(2, seconds).await, Err(code::INVALID), "{seconds}");
    }
    shop.check_books().await;
}

// STK-7
#[tokio::test]
async fn only_what_is_held_is_extended() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 9).await;
    for order in 1..=4 {
        shop.hold(order, &[(mug, 1)]).await.unwrap();
    }
    shop.commit(1).await.unwrap();
    shop.release(2).await.unwrap();
    shop.release(9).await.unwrap();
    for (order, refusal) in [
        (1, code::ALREADY_COMMITTED),
        (2, code::RESERVATION_CANCELLED),
        (8, code::RESERVATION_LOST),
        (9, code::RESERVATION_CANCELLED),
    ] {
        assert_eq!(shop.extend(order, 600).await, Err(refusal), "{order}");
    }
    // It is over when its time is, whether or not the sweeper has come.
    shop.pass(i64::from(TTL));
    assert_eq!(shop.extend(3, 600).await, Err(code::RESERVATION_LOST));
    assert_eq!(shop.sweep().await, 1);
    assert_eq!(shop.extend(4, 600).await, Err(code::RESERVATION_LOST));
    assert_eq!(shop.shelf(mug).await, (8, 0));
    shop.check_books().await;
}

// STK-7: whoever was told that its hold lasts keeps it, and nobody else's is spared, however sweepers, buyers and
// extensions cross.
#[tokio::test(flavor = "multi_thread")]
async fn an_extension_against_the_sweeper_holds_or_is_refused() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 20).await;
    for round in 0..15_i64 {
        let first = round * 100;
        let holds = join_all((1..=20).map(async |n| shop.hold(first + n, [(mug, 1)]).await)).await;
        assert!(holds.iter().all(Result::is_ok), "{holds:?}");
        shop.pass(i64::from(TTL) - 1);
        // Time runs out while they are being extended.
        let extended = join_all((1..=20).map(async |n| (n, shop.extend(first + n, 600).await)));
        let over = async {
            tokio::task::yield_now().await;
            shop.pass(1);
            shop.sweep().await
        };
        // Wants more than there is unless some were swept.
        let wanted = shop.hold(first + 50, [(mug, 3)]);
        let (extended, _, wanted, _) = tokio::join!(extended, over, wanted, shop.sweep());
        shop.sweep().await;
        let lasting: Vec<i64> = extended
            .iter()
            .filter(|(_, e)| e.is_ok())
            .map(|(n, _)| *n)
            .collect();
        for (n, answer) in &extended {
            assert!(
                matches!(answer, Ok(_) | Err(code::RESERVATION_LOST)),
                "{n}: {answer:?}"
            );
        }
        let taken = if wanted.is_ok() { 3 } else { 0 };
        let reserved = i64::try_from(lasting.len()).unwrap() + taken;
        assert_eq!(
            shop.shelf(mug).await,
            (20, reserved),
            "round {round}: {lasting:?}, {wanted:?}"
        );
        for n in lasting {
            shop.release(first + n).await.unwrap();
        }
        assert_eq!(shop.release(first + 50).await, Ok(()), "held or never");
        assert_eq!(shop.shelf(mug).await, (20, 0));
        shop.check_books().await;
    }
}

// STK-15
#[tokio::test]
async fn nobody_extends_without_a_service_identity() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 5).await;
    shop.hold(1, &[(mug, 1)]).await.unwrap();
    let request = wire::rpc::inventory::ExtendRequest {
        order_id: 1,
        ttl_seconds: 600,
    };
    let status = shop.inventory_of_a_stranger().extend(request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unauthenticated);
    assert!(Refused::from_status(&status).is_none());
}
