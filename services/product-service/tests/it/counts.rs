//! What is shown of open holds.

use std::time::Duration;

use product_service::store::counts::{self, Open, Value};
use types::Clock as _;

use crate::harness::{Shop, TTL};

#[tokio::test]
async fn open_holds_their_units_and_value_are_counted_and_those_that_nobody_gave_back() {
    let shop = Shop::open().await;
    let (mug, pot) = (shop.stocks("Mug", 50).await, shop.stocks("Pot", 50).await);
    let count = async || {
        let mut conn = shop.db.pool.acquire().await.unwrap();
        let open = counts::open(&mut conn, shop.clock.now()).await.unwrap();
        (open, counts::value(&mut conn).await.unwrap())
    };
    assert_eq!(count().await.0.holds, 0);
    shop.hold(1, &[(mug, 2)]).await.unwrap();
    shop.hold(2, &[(mug, 1), (pot, 4)]).await.unwrap();
    shop.hold(3, &[(pot, 3)]).await.unwrap();
    shop.commit(3).await.unwrap();

    let (open, value) = count().await;
    let expected = Open {
        holds: 2,
        overdue: 0,
        units: 7,
    };
    assert_eq!(open, expected);
    let price: i64 = sqlx::query_scalar("select price_minor from products where id = $1")
        .bind(mug)
        .fetch_one(&shop.db.pool)
        .await
        .unwrap();
    let of_all = Value {
        currency: "USD".to_owned(),
        minor: 7 * price,
    };
    assert_eq!(value, [of_all]);

    shop.clock.advance(Duration::from_secs(u64::from(TTL) + 1));
    assert_eq!(count().await.0.overdue, 2);
    shop.sweep().await;
    assert_eq!((count().await.0.holds, count().await.1), (0, vec![]));
}
