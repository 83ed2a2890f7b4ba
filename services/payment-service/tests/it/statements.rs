//! What a payment costs its database when nobody comes at the same time: statements, `begin` and `commit` among them.

use http::Method;
use payment_service::jobs;

use crate::harness::Payments;

/// For an intent that is made and an event of it that is stored, which is what a checkout asks for.
const CHECKOUT: i64 = 10;
/// For the event of its success, from storing it to looking whether there are more.
const PAID: i64 = 11;
/// For the event of a part of it that was refunded in the provider's dashboard.
const REFUNDED: i64 = 13;

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

    let part = format!("payment_intent={intent}&amount=400");
    shop.provider(Method::POST, "/v1/refunds", &part).await;
    let refunded = shop.event("charge.refunded").await;
    let work = async {
        assert_eq!(shop.deliver(&refunded).await.status, 200);
        while jobs::webhooks::run_due(&shop.app).await.unwrap() > 0 {}
    };
    let ((), refunded) = shop.db.statements(work).await;
    assert_eq!(shop.status(81).await, "partially_refunded");
    assert!(
        refunded.count() <= REFUNDED,
        "{} of {REFUNDED}: {refunded:#?}",
        refunded.count()
    );
    shop.settle().await;
}
