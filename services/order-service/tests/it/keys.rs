//! `POST /orders` under an `Idempotency-Key`.

use futures::future::join_all;
use serde_json::json;

use crate::doubles::Fault;
use crate::harness::{ALICE, Answer, BOB, LAMP, MUG, Orders, PEN, cart};

pub fn replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

// IDK-2
#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_again() {
    let shop = Orders::start().await;
    for (key, wish, status) in [
        ("bought", cart(&[(MUG, 1)]), 201),
        ("refused", cart(&[(LAMP, 9)]), 409),
    ] {
        let first = shop.post_keyed(ALICE, key, &wish).await;
        assert_eq!((first.status.as_u16(), replayed(&first)), (status, false));
        shop.settle().await;
        shop.stock
            .edit(LAMP, |lamp| lamp.on_hand = if status == 409 { 9 } else { 3 });
        let again = shop.post_keyed(ALICE, key, &wish).await;
        assert_eq!((again.status.as_u16(), replayed(&again)), (status, true));
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("content-type"), first.header("content-type"));
    }
    assert_eq!(shop.count("select count(*) from orders").await, 2);
    shop.settled().await;
}

// IDK-3
#[tokio::test]
async fn a_key_with_another_body_is_refused() {
    let shop = Orders::start().await;
    assert_eq!(
        shop.post_keyed(ALICE, "a key", &cart(&[(MUG, 1)])).await.status,
        201
    );
    let other = shop.post_keyed(ALICE, "a key", &cart(&[(MUG, 2)])).await;
    assert_eq!(
        (other.status.as_u16(), other.code()),
        (422, "idempotency-mismatch")
    );
    assert_eq!(shop.count("select count(*) from orders").await, 1);
    shop.settled().await;
}

// IDK-3
#[tokio::test]
async fn a_key_that_is_worked_on_is_to_be_tried_later() {
    let shop = Orders::start().await;
    shop.stock.road.once("hold", Fault::Wait);
    let wish = cart(&[(MUG, 1)]);
    let second = async {
        shop.stock.road.waiting(1).await;
        let second = shop.post_keyed(ALICE, "a key", &wish).await;
        shop.stock.road.open();
        second
    };
    let (first, second) = tokio::join!(shop.post_keyed(ALICE, "a key", &wish), second);
    assert_eq!(first.status, 201);
    assert_eq!(
        (second.status.as_u16(), second.code()),
        (409, "idempotency-in-progress")
    );
    assert!(second.header("retry-after").is_some());
    assert!(replayed(&shop.post_keyed(ALICE, "a key", &wish).await));
    shop.settled().await;
}

// IDK-6
#[tokio::test]
async fn a_key_is_its_users_own() {
    let shop = Orders::start().await;
    let wish = cart(&[(MUG, 1)]);
    let hers = shop.post_keyed(ALICE, "a key", &wish).await;
    let his = shop.post_keyed(BOB, "a key", &wish).await;
    assert_eq!((his.status.as_u16(), replayed(&his)), (201, false));
    assert_ne!(his.order(), hers.order());
    assert_eq!(
        (&his.body["userId"], &hers.body["userId"]),
        (&json!(BOB), &json!(ALICE))
    );
    // Another body tells nothing either.
    assert_eq!(
        shop.post_keyed(BOB, "another", &cart(&[(PEN, 1)])).await.status,
        201
    );
    assert_eq!(shop.post_keyed(ALICE, "another", &wish).await.status, 201);
    shop.settled().await;
}

// IDK-5
#[tokio::test]
async fn what_was_never_begun_does_not_use_the_key_up() {
    let shop = Orders::start().await;
    let good = cart(&[(MUG, 1)]);
    let mut dear = good.clone();
    dear["expectedTotal"] = json!("1.00");
    shop.stock.edit(PEN, |pen| pen.for_sale = false);
    for (bad, status) in [(cart(&[(MUG, 0)]), 422), (cart(&[(PEN, 1)]), 422), (dear, 409)] {
        assert_eq!(shop.post_keyed(ALICE, "a key", &bad).await.status, status);
        assert_eq!(shop.written().await, 0);
    }
    let first = shop.post_keyed(ALICE, "a key", &good).await;
    assert_eq!((first.status.as_u16(), replayed(&first)), (201, false));
    shop.settled().await;
}

// IDK-7
#[tokio::test]
async fn a_hundred_identical_requests_make_one_order() {
    let shop = Orders::start().await;
    let wish = cart(&[(LAMP, 1)]);
    let answers = join_all((0..100).map(|_| shop.post_keyed(ALICE, "a key", &wish))).await;
    let made = answers.iter().filter(|a| a.status == 201 && !replayed(a)).count();
    let again = answers.iter().filter(|a| a.status == 201 && replayed(a)).count();
    let later = answers
        .iter()
        .filter(|a| a.code() == "idempotency-in-progress")
        .count();
    assert_eq!(
        (made, again + later),
        (1, 99),
        "{again} replays, {later} to be tried later"
    );
    assert_eq!(shop.count("select count(*) from orders").await, 1);
    assert_eq!(
        (shop.stock.available(LAMP), shop.stock.road.calls("hold", 1)),
        (2, 1)
    );
    shop.settled().await;
}
