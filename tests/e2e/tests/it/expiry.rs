//! Orders that nobody pays.

use std::time::Duration;

use souk_test_shop::{Form, Shop, eventually};

// ORD-7
#[tokio::test]
async fn an_unpaid_order_gives_the_stock_back_and_cannot_be_paid_any_more() {
    let shop = Shop::start(Form::OneProcess).await;
    let (seller, customer) = (shop.seller().await, shop.customer().await);
    let mug = seller.sells("Forgotten mug", "18.00", 3).await;
    let order = customer.orders(&[(mug, 2)]).await.expect(201);
    let intent = order.at("/payment/paymentIntentId");
    let intent = intent.as_str().unwrap_or_default();
    // A decline is no end: another card may follow until the deadline.
    drop(shop.pay(intent, "pm_card_chargeDeclined").await.expect(402));

    shop.one().clock.advance(Duration::from_secs(16 * 60));
    // The access token is older than its life by now.
    let customer =
        souk_test_shop::Person::sign_in(&shop.api, &customer.email, souk_test_shop::PASSWORD).await;
    let order = shop
        .until_status(
            &customer,
            order.at("/id").as_i64().unwrap_or_default(),
            "cancelled",
        )
        .await;
    assert_eq!(order["cancelReason"], "expired");
    eventually(Duration::from_secs(10), "the stock is back", || async {
        (shop.available(mug).await == 3).then_some(())
    })
    .await;
    assert_eq!(shop.pay(intent, "pm_card_visa").await.status, 400);
    shop.check_books().await;
}
