//! What an order costs its database when nobody comes at the same time: statements, `begin` and `commit` among them.

use crate::harness::{ALICE, MUG, Orders, cart};

/// From the request to `confirmed`.
const CHECKOUT: i64 = 18;
/// Until a refused one is cancelled.
const REFUSED: i64 = 18;

#[tokio::test]
async fn a_lone_order_stays_within_its_budget_of_statements() {
    let shop = Orders::start().await;
    // Connects, and prepares.
    assert_eq!(shop.post(ALICE, "/orders", &cart(&[(MUG, 1)])).await.status, 201);
    let wish = cart(&[(MUG, 1)]);
    let (answer, placed) = shop.db.statements(shop.post(ALICE, "/orders", &wish)).await;
    assert_eq!(answer.status, 201);
    assert!(
        placed.count() <= CHECKOUT,
        "{} of {CHECKOUT}: {placed:#?}",
        placed.count()
    );

    let much = cart(&[(MUG, 999)]);
    assert_eq!(shop.post(ALICE, "/orders", &much).await.status, 409);
    let (answer, refused) = shop.db.statements(shop.post(ALICE, "/orders", &much)).await;
    assert_eq!(answer.status, 409);
    assert!(
        refused.count() <= REFUSED,
        "{} of {REFUSED}: {refused:#?}",
        refused.count()
    );
    shop.settled().await;
}
