//! What a payment costs its database when nobody comes at the same time: statements, `begin` and `commit` among them.

use payment_service::jobs;

use crate::harness::Payments;

/// For an intent that is made and an event of it that is stored, which is what a checkout asks for.
const CHECKOUT: i64 = 10;
/// For the event of its success, from storing it to looking whether there are more.
const PAID: i64 = 11;

#[tokio::test]
async fn a_lone_payment_stays_within_its_budget_of_statements() {
    let shop = Payments::start().await;
    // Connects, and prepares.
    shop.paid(80, 1_000).await;
    let work = async {
        let intent = shop.ordered(81, 1_000).await.payment_intent_id;
        let created = shop.event("payment_intent.created").await;
        assert_eq!(shop.deliver(&created).await.status, 200);
        intent
    };
    let (intent, made) = shop.db.statements(work).await;
    assert!(
        made.count() <= CHECKOUT,
        "{} of {CHECKOUT}: {made:#?}",
        made.count()
    );

    shop.pay(&intent, "pm_card_visa").await;
    let paid = shop.event("payment_intent.succeeded").await;
    let work = async {
        assert_eq!(shop.deliver(&paid).await.status, 200);
        while jobs::webhooks::run_due(&shop.app).await.unwrap() > 0 {}
    };
    let ((), paid) = shop.db.statements(work).await;
    assert_eq!(shop.status(81).await, "succeeded");
    assert!(paid.count() <= PAID, "{} of {PAID}: {paid:#?}", paid.count());
    shop.settle().await;
}
