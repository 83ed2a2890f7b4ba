//! Keyed orders whose first request died, slept, or ended in a fault.

use std::time::Duration;

use serde_json::{Value, json};

use crate::doubles::Fault;
use crate::harness::{ALICE, LAMP, MUG, Orders, cart};
use crate::keys::replayed;

// IDK-4: a request dies after its order was written; the answer is built from what became of it.
#[tokio::test]
async fn an_answer_that_was_never_given_is_built_from_the_order() {
    for (key, wish, status) in [
        ("bought", cart(&[(MUG, 1)]), 201),
        ("refused", cart(&[(MUG, 1), (LAMP, 9)]), 409),
    ] {
        let shop = Orders::start().await;
        shop.stock.road.once("hold", Fault::Wait);
        die(&shop, key, &wish).await;
        let early = shop.post_keyed(ALICE, key, &wish).await;
        assert_eq!(early.code(), "idempotency-in-progress");
        shop.stock.road.open();
        shop.after(shop.app.key_lease).await;
        let orders = shop.count("select count(*) from orders").await;
        let answer = shop.post_keyed(ALICE, key, &wish).await;
        assert_eq!(
            (answer.status.as_u16(), replayed(&answer)),
            (status, false),
            "{answer:?}"
        );
        assert_eq!(answer.order(), orders, "the order that the first try made");
        if status == 201 {
            let secret = format!("pi_{orders}_secret");
            assert_eq!(answer.body["payment"]["clientSecret"], secret);
        } else {
            assert_eq!(
                (answer.code(), answer.pointers()),
                ("insufficient-stock", vec!["/items/1"])
            );
        }
        let again = shop.post_keyed(ALICE, key, &wish).await;
        assert_eq!((replayed(&again), again.body), (true, answer.body));
        assert_eq!(shop.count("select count(*) from orders").await, orders);
        shop.settled().await;
    }
}

// IDK-4, ORD-11: nothing is known of it yet.
#[tokio::test]
async fn an_unfinished_order_is_answered_with_where_to_look() {
    let shop = Orders::start().await;
    let wish = cart(&[(MUG, 1)]);
    shop.stock.road.once("hold", Fault::Wait);
    die(&shop, "a key", &wish).await;
    shop.clock.advance(shop.app.key_lease);
    let answer = shop.post_keyed(ALICE, "a key", &wish).await;
    let order = answer.order();
    assert_eq!(
        (answer.status.as_u16(), &answer.body["status"]),
        (202, &json!("pending"))
    );
    assert_eq!(
        answer.header("location"),
        Some(format!("/orders/{order}").as_str())
    );
    shop.stock.road.open();
    shop.after(shop.app.key_lease).await;
    assert_eq!(shop.status(order).await, "confirmed");
    shop.settled().await;
}

// IDK-4: one that died before it wrote anything leaves a key that is free when its lease ends; one that only slept
// writes nothing when it wakes.
#[tokio::test]
async fn a_request_that_lost_its_key_writes_nothing() {
    let shop = Orders::start().await;
    let wish = cart(&[(MUG, 1)]);
    shop.stock.road.once("quote", Fault::Wait);
    let successor = async {
        shop.stock.road.waiting(1).await;
        assert_eq!(
            shop.post_keyed(ALICE, "a key", &wish).await.code(),
            "idempotency-in-progress"
        );
        shop.clock.advance(shop.app.key_lease);
        let answer = shop.post_keyed(ALICE, "a key", &wish).await;
        shop.stock.road.open();
        answer
    };
    let (sleeper, successor) = tokio::join!(shop.post_keyed(ALICE, "a key", &wish), successor);
    assert_eq!(successor.status, 201);
    assert_eq!(
        (sleeper.status.as_u16(), sleeper.code()),
        (409, "idempotency-in-progress")
    );
    assert_eq!(shop.count("select count(*) from orders").await, 1);
    assert!(replayed(&shop.post_keyed(ALICE, "a key", &wish).await));
    shop.settled().await;
}

// IDK-2, IDK-4: one key, one answer, however long the first one may take.
#[tokio::test]
async fn a_request_keeps_its_key_for_as_long_as_it_may_wait_for_its_answer() {
    let within = Duration::from_secs(30);
    let shop = Orders::start_with(|config| {
        config.answer_within = within;
        config.rpc_timeout = Duration::from_secs(3);
    })
    .await;
    let wish = cart(&[(MUG, 1)]);
    shop.stock.road.once("hold", Fault::Wait);
    let repetition = async {
        shop.stock.road.waiting(1).await;
        shop.clock.advance(within);
        let answer = shop.post_keyed(ALICE, "a key", &wish).await;
        shop.stock.road.open();
        answer
    };
    let (first, repetition) = tokio::join!(shop.post_keyed(ALICE, "a key", &wish), repetition);
    assert_eq!(
        (repetition.status.as_u16(), repetition.code()),
        (409, "idempotency-in-progress")
    );
    assert_eq!(first.status, 201, "{first:?}");
    let again = shop.post_keyed(ALICE, "a key", &wish).await;
    assert_eq!((replayed(&again), again.body), (true, first.body));
    shop.settled().await;
}

// IDK-5: a fault of ours is not the answer for three days to come.
#[tokio::test]
async fn a_fault_after_the_order_was_written_is_not_kept() {
    let shop = Orders::start().await;
    let wish = cart(&[(MUG, 1)]);
    shop.stock.road.once("hold", Fault::Wait);
    let spoil = async {
        shop.stock.road.waiting(1).await;
        run(&shop, "alter table order_lines rename to elsewhere").await;
        shop.stock.road.open();
    };
    let (first, ()) = tokio::join!(shop.post_keyed(ALICE, "a key", &wish), spoil);
    assert!(first.status.is_server_error(), "{first:?}");
    run(&shop, "alter table elsewhere rename to order_lines").await;
    shop.after(shop.app.key_lease).await;
    let answer = shop.post_keyed(ALICE, "a key", &wish).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(shop.count("select count(*) from orders").await, 1);
    shop.settled().await;
}

/// A keyed request that dies while it waits before the door of product-service.
async fn die(shop: &Orders, key: &str, wish: &Value) {
    tokio::select! {
        answer = shop.post_keyed(ALICE, key, wish) => panic!("it was answered: {answer:?}"),
        () = shop.stock.road.waiting(1) => {}
    }
}

async fn run(shop: &Orders, sql: &'static str) {
    sqlx::query(sql).execute(&shop.db.pool).await.unwrap();
}
