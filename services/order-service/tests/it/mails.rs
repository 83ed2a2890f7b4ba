//! What customers are told by mail.

use serde_json::json;

use crate::harness::{ALICE, CARLA, LAMP, Orders, cart};

/// The moves of `order` that its customer was told of.
async fn told(shop: &Orders, order: i64) -> Vec<String> {
    let number = shop.order(order).await["orderNumber"]
        .as_str()
        .unwrap()
        .to_owned();
    let prefix = format!("<{number}.");
    let ids = shop.mails().into_keys();
    ids.filter_map(|id| {
        Some(
            id.strip_prefix(&prefix)?
                .strip_suffix("@souk.example>")?
                .to_owned(),
        )
    })
    .collect()
}

// ORD-13
#[tokio::test]
async fn each_move_that_a_customer_cares_about_is_one_mail() {
    let shop = Orders::start().await;
    let (delivered, cancelled) = (shop.paid().await, shop.paid().await);
    for status in ["processing", "shipped", "delivered"] {
        assert_eq!(shop.move_to(CARLA, delivered, status).await.status, 200);
        assert_eq!(
            shop.move_to(CARLA, delivered, status).await.status,
            200,
            "repeated"
        );
    }
    shop.cancel(ALICE, cancelled).await;
    shop.cancel(ALICE, cancelled).await;
    shop.settled().await;
    assert_eq!(
        told(&shop, delivered).await,
        ["confirmed", "delivered", "paid", "shipped"]
    );
    assert_eq!(told(&shop, cancelled).await, ["cancelled", "confirmed", "paid"]);
    let to = format!("To: user-{ALICE}@people.example");
    assert!(shop.mails().values().all(|mail| mail.contains(&to)));
}

// ORD-13
#[tokio::test]
async fn a_mail_is_enqueued_by_the_transaction_that_moves_the_order() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    let jobs: Vec<(String, String, serde_json::Value)> =
        sqlx::query_as("select unique_key, state, payload from job")
            .fetch_all(&shop.db.pool)
            .await
            .unwrap();
    let payload = json!({"orderId": order, "to": "confirmed"});
    assert_eq!(
        jobs,
        [(format!("order/{order}/confirmed"), "waiting".to_owned(), payload)]
    );
    shop.settled().await;
}

// ORD-13
#[tokio::test]
async fn a_checkout_that_was_refused_is_no_news() {
    let shop = Orders::start().await;
    let answer = shop.post(ALICE, "/orders", &cart(&[(LAMP, 4)])).await;
    assert_eq!(answer.code(), "insufficient-stock");
    shop.settled().await;
    assert!(shop.mails().is_empty());
}
