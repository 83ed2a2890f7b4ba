//! `POST /orders` while a part of the shop is slow or does not answer.

use std::time::Duration;

use futures::future::join_all;
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::doubles::Fault;
use crate::harness::{ALICE, BOB, MUG, Orders, cart};
use crate::keys::replayed;

// SAG-12
#[tokio::test]
async fn nothing_is_ordered_while_payments_are_down() {
    let shop = Orders::start().await;
    shop.money.road.always("create", Some(Fault::LoseRequest));
    for _ in 0..5 {
        assert_eq!(shop.post(ALICE, "/orders", &cart(&[(MUG, 1)])).await.status, 202);
    }
    let before = shop.written().await;
    let answer = shop.post_keyed(ALICE, "a key", &cart(&[(MUG, 1)])).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (503, "service-unavailable")
    );
    assert!(answer.header("retry-after").is_some());
    assert_eq!(shop.written().await, before);
    assert_eq!(shop.stock.available(MUG), 95);

    // It answers again: what waits goes on, and the same key may order.
    shop.money.road.always("create", None);
    shop.after(Duration::from_secs(10)).await;
    assert_eq!(
        shop.post_keyed(ALICE, "a key", &cart(&[(MUG, 1)])).await.status,
        201
    );
    assert_eq!(
        shop.count("select count(*) from orders where status = 'confirmed'")
            .await,
        6
    );
    shop.settled().await;
}

// SAG-12, ORD-11: without the catalogue there is no price.
#[tokio::test]
async fn nothing_is_written_while_the_catalogue_is_down() {
    let shop = Orders::start().await;
    shop.stock.road.once("quote", Fault::LoseRequest);
    let answer = shop.post(ALICE, "/orders", &cart(&[(MUG, 1)])).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (503, "service-unavailable")
    );
    assert!(answer.header("retry-after").is_some());
    assert_eq!(shop.written().await, 0);
    shop.settled().await;
}

// ORD-11
#[tokio::test]
async fn a_slow_step_is_answered_with_where_to_look() {
    let shop = Orders::start_with(|config| config.answer_within = Duration::from_millis(50)).await;
    shop.stock.road.once("hold", Fault::Wait);
    let answer = shop.post(ALICE, "/orders", &cart(&[(MUG, 1)])).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let order = answer.order();
    assert_eq!(answer.header("location").unwrap(), format!("/orders/{order}"));
    assert_eq!(answer.body["status"], "pending");
    shop.stock.road.open();
    shop.settled().await;
    assert_eq!(shop.status(order).await, "confirmed");
    assert_eq!(shop.stock.changes(order), ["held"]);
}

// SAG-12: a crowd is let in as it can be served; whoever waits in vain may come again.
#[tokio::test]
async fn a_crowd_waits_in_line_and_nothing_is_written_for_those_who_wait_in_vain() {
    let shop = Orders::start_with(|config| {
        config.checkouts_at_once = 1;
        config.checkout_patience = Duration::from_millis(20);
    })
    .await;
    let wish = cart(&[(MUG, 1)]);
    shop.stock.road.once("hold", Fault::Wait);
    let second = async {
        shop.stock.road.waiting(1).await;
        let answer = shop.post_keyed(ALICE, "the second", &wish).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (503, "service-unavailable")
        );
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(shop.count("select count(*) from orders").await, 1);
        shop.stock.road.open();
    };
    let (first, ()) = tokio::join!(shop.post(ALICE, "/orders", &wish), second);
    assert_eq!(first.status, 201);
    // The place is free again, and the key was not used up.
    assert_eq!(shop.post_keyed(ALICE, "the second", &wish).await.status, 201);
    shop.settled().await;
}

// SAG-12, IDK-2, IDK-3, IDK-4: whoever repeats a request needs no place.
#[tokio::test]
async fn a_crowd_keeps_nobody_from_the_answer_to_what_was_done() {
    let shop = Orders::start_with(|config| {
        config.checkouts_at_once = 1;
        config.checkout_patience = Duration::from_millis(20);
    })
    .await;
    let wish = cart(&[(MUG, 1)]);
    let bought = shop.post_keyed(ALICE, "bought", &wish).await;
    let died = shop.post_keyed(ALICE, "died", &wish).await;
    assert_eq!((bought.status.as_u16(), died.status.as_u16()), (201, 201));
    // Its process died before it could keep the answer, and the key's lease has run out.
    let sql = "update idempotency_keys set state = 'running', status = null, headers = null, body = null,
                      lease_until = created_at where key = 'died'";
    sqlx::query(sql).execute(&shop.db.pool).await.unwrap();
    shop.stock.road.once("hold", Fault::Wait);
    let crowd = async {
        shop.stock.road.waiting(1).await;
        let again = shop.post_keyed(ALICE, "bought", &wish).await;
        assert_eq!((again.status.as_u16(), replayed(&again)), (201, true));
        assert_eq!(again.body, bought.body);
        let again = shop.post_keyed(ALICE, "died", &wish).await;
        assert_eq!((again.status.as_u16(), again.order()), (201, died.order()));
        assert!(replayed(&shop.post_keyed(ALICE, "died", &wish).await));
        for (user, key, wish, said) in [
            (ALICE, "bought", cart(&[(MUG, 2)]), (422, "idempotency-mismatch")),
            (ALICE, "slow", wish.clone(), (409, "idempotency-in-progress")),
            (ALICE, "new", wish.clone(), (503, "service-unavailable")),
            (BOB, "bought", wish.clone(), (503, "service-unavailable")),
        ] {
            let answer = shop.post_keyed(user, key, &wish).await;
            assert_eq!((answer.status.as_u16(), answer.code()), said, "{key}");
        }
        shop.stock.road.open();
    };
    let (slow, ()) = tokio::join!(shop.post_keyed(ALICE, "slow", &wish), crowd);
    assert_eq!(slow.status, 201);
    // The keys of those who waited in vain were not used up.
    for user in [ALICE, BOB] {
        let key = if user == ALICE { "new" } else { "bought" };
        let first = shop.post_keyed(user, key, &wish).await;
        assert_eq!((first.status.as_u16(), replayed(&first)), (201, false));
    }
    assert_eq!(shop.count("select count(*) from orders").await, 5);
    shop.settled().await;
}

// SAG-12: a crowd that has every connection is not asked for one more.
#[tokio::test]
async fn who_is_turned_away_does_not_wait_for_the_database_and_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let _reporting = metrics::set_default_local_recorder(&recorder);
    let shop = Orders::start_with(|config| {
        config.checkouts_at_once = 1;
        config.checkout_patience = Duration::from_millis(20);
        config.database.max_connections = 2;
    })
    .await;
    let wish = cart(&[(MUG, 1)]);
    shop.stock.road.once("hold", Fault::Wait);
    let crowd = async {
        shop.stock.road.waiting(1).await;
        let busy = join_all((0..2).map(|_| shop.app.db.acquire())).await;
        for (key, turned_away) in [("new", 1), ("another", 2)] {
            let answer = shop.post_keyed(ALICE, key, &wish).await;
            assert_eq!(answer.status, 503, "{answer:?}");
            let said = answer.body["detail"].as_str().unwrap();
            assert!(
                said.starts_with("more orders come in than can be placed"),
                "{said}"
            );
            let counted = format!("orders_turned_away_total{{service=\"order-service\"}} {turned_away}\n");
            assert!(handle.render().contains(&counted), "{}", handle.render());
        }
        drop(busy);
        shop.stock.road.open();
    };
    let (first, ()) = tokio::join!(shop.post(ALICE, "/orders", &wish), crowd);
    assert_eq!(first.status, 201);
    // Neither key was used up.
    assert_eq!(shop.post_keyed(ALICE, "new", &wish).await.status, 201);
    shop.settled().await;
}

// SAG-12: what is counted is what works.
#[tokio::test]
async fn a_checkout_keeps_its_place_when_its_client_hangs_up() {
    let shop = Orders::start_with(|config| {
        config.checkouts_at_once = 1;
        config.checkout_patience = Duration::from_millis(20);
    })
    .await;
    let wish = cart(&[(MUG, 1)]);
    shop.stock.road.once("hold", Fault::Wait);
    tokio::select! {
        answer = shop.post(ALICE, "/orders", &wish) => panic!("the door is closed: {answer:?}"),
        () = shop.stock.road.waiting(1) => {}
    }
    assert_eq!(shop.post(BOB, "/orders", &wish).await.status, 503);
    shop.stock.road.open();
    shop.settle().await;
    assert_eq!(shop.post(BOB, "/orders", &wish).await.status, 201);
    shop.settled().await;
}

// ORD-11: four seconds from when the request came, wherever it spends them.
#[tokio::test]
async fn the_wait_in_line_counts_against_the_time_to_an_answer() {
    const WITHIN: Duration = Duration::from_millis(150);
    let shop = Orders::start_with(|config| {
        config.checkouts_at_once = 1;
        config.checkout_patience = Duration::from_secs(60);
        config.answer_within = WITHIN;
    })
    .await;
    let wish = cart(&[(MUG, 1)]);
    shop.stock.road.once("hold", Fault::Wait);
    let second = async {
        shop.stock.road.waiting(1).await;
        let second = shop.post(BOB, "/orders", &wish);
        tokio::pin!(second);
        // The first one is answered meanwhile, and works on in its place.
        let answer = tokio::time::timeout(WITHIN * 3, &mut second).await;
        assert!(answer.is_err(), "{answer:?}");
        shop.stock.road.open();
        second.await
    };
    let (first, second) = tokio::join!(shop.post(ALICE, "/orders", &wish), second);
    // Nothing keeps the second one's checkout from its end but that no time is left.
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (202, 202));
    shop.settled().await;
    for order in [first.order(), second.order()] {
        assert_eq!(shop.status(order).await, "confirmed");
    }
}
