//! What a checkout costs the stock's database when nobody comes at the same time: statements, `begin` and `commit` among
//! them.

use crate::harness::Shop;

/// To price a cart and to hold its stock.
const CHECKOUT: i64 = 4;
/// To find that too little is left.
const REFUSED: i64 = 5;

#[tokio::test]
async fn a_lone_checkout_stays_within_its_budget_of_statements() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 10).await;
    // Connects, and prepares.
    shop.quote(&[mug]).await;
    shop.hold(1, [(mug, 1)]).await.unwrap();
    shop.hold(2, [(mug, 100)]).await.unwrap_err();
    let work = async {
        shop.quote(&[mug]).await;
        shop.hold(3, [(mug, 1)]).await.unwrap();
    };
    let ((), held) = shop.db.statements(work).await;
    assert!(
        held.count() <= CHECKOUT,
        "{} of {CHECKOUT}: {held:#?}",
        held.count()
    );
    let (refused, looked) = shop.db.statements(shop.hold(4, [(mug, 100)])).await;
    refused.unwrap_err();
    assert!(
        looked.count() <= REFUSED,
        "{} of {REFUSED}: {looked:#?}",
        looked.count()
    );
    shop.check_books().await;
}

#[tokio::test]
async fn a_quote_reads_its_own_products_even_where_nothing_was_analysed() {
    let shop = Shop::open().await;
    let mug = shop.stocks("Mug", 10).await;
    // A catalogue was just imported: the planner still takes the table for an empty one.
    let import =
        "insert into products (seller_id, name, slug, sku, currency, price_minor, created_at, updated_at)
                  select 1, 'Thing ' || n, 'thing-' || n, 'T-' || n, 'USD', 100, now(), now()
                    from generate_series(1, 2000) n";
    sqlx::query(import).execute(&shop.db.pool).await.unwrap();
    shop.quote(&[mug, mug + 1000]).await;
    let (quoted, read) = shop.db.statements(shop.quote(&[mug, mug + 1000])).await;
    assert_eq!(quoted.len(), 2);
    assert!(read.pages <= 10, "{read:#?}");
}
