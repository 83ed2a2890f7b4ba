//! What customers are told by mail.

use std::time::Duration;

use http::Method;
use saga::{Direction, FaultPoint, Moment};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use types::{OrderId, PaymentId};
use wire::events::PaymentRefunded;

use crate::doubles::Fault;
use crate::harness::{ALICE, CARLA, LAMP, MUG, Orders, WINDOW, cart};
use crate::sweep::Once;

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

// ORD-13: whoever moves an order nudges those who tell of it.
#[tokio::test]
async fn a_mail_is_sent_at_once_and_not_at_the_next_look() {
    let never = Duration::from_secs(3_600);
    let shop = Orders::start_with(|config| config.jobs_poll = never).await;
    let stop = CancellationToken::new();
    let worker = TaskTracker::new().spawn(shop.app.queues.clone().work(stop.clone()));
    let mut expected = 0;
    let mut sent = async |what: &str| {
        expected += 1;
        let all_sent = async {
            while shop.mails().len() < expected {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(never / 60, all_sent).await.expect(what);
    };
    let order = shop.confirmed().await;
    sent("confirmed").await;
    assert!(shop.money.pay(order));
    shop.deliver_all().await;
    shop.app.checkout.run_due().await.unwrap();
    sent("paid").await;
    for status in ["processing", "shipped"] {
        assert_eq!(shop.move_to(CARLA, order, status).await.status, 200);
    }
    sent("shipped").await;
    let other = shop.confirmed().await;
    sent("confirmed").await;
    shop.cancel(ALICE, other).await;
    sent("cancelled").await;
    let late = shop.confirmed().await;
    sent("confirmed").await;
    shop.clock.advance(WINDOW);
    shop.app.checkout.run_due().await.unwrap();
    assert_eq!(shop.status(late).await, "cancelled");
    sent("expired").await;
    let lost = shop.confirmed().await;
    sent("confirmed").await;
    shop.stock.lose(lost);
    assert!(shop.money.pay(lost));
    shop.deliver_all().await;
    shop.app.checkout.run_due().await.unwrap();
    assert_eq!(shop.status(lost).await, "cancelled");
    sent("lost").await;
    stop.cancel();
    worker.await.unwrap();
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

// ORD-13, ORD-11: 202 said nothing of how it ends.
#[tokio::test]
async fn a_checkout_that_failed_after_its_request_was_answered_is_news() {
    let shop = Orders::start_with(|config| config.answer_within = Duration::from_millis(50)).await;
    shop.stock.road.once("hold", Fault::Wait);
    let answer = shop.post(ALICE, "/orders", &cart(&[(LAMP, 4)])).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let order = answer.order();
    shop.stock.road.open();
    shop.settled().await;
    assert_eq!(shop.status(order).await, "cancelled");
    assert_eq!(told(&shop, order).await, ["cancelled"]);
    let text = mail(&shop, order, "cancelled").await;
    assert!(text.contains("There was not enough left of something"), "{text}");
}

// ORD-13
#[tokio::test]
async fn a_checkout_that_failed_after_its_client_hung_up_is_news() {
    let shop = Orders::start().await;
    let wish = cart(&[(LAMP, 4)]);
    shop.stock.road.once("hold", Fault::Wait);
    tokio::select! {
        answer = shop.post(ALICE, "/orders", &wish) => panic!("the door is closed: {answer:?}"),
        () = shop.stock.road.waiting(1) => {}
    }
    shop.stock.road.open();
    shop.settled().await;
    assert_eq!(shop.status(1).await, "cancelled");
    assert_eq!(told(&shop, 1).await, ["cancelled"]);
}

// ORD-13, ORD-11: what was undone while a request waited was not told by its answer, which said 202.
#[tokio::test]
async fn a_checkout_whose_process_died_between_undoing_it_and_answering_is_news() {
    for fault in [saga::Fault::Crash, saga::Fault::Lose] {
        let shop = Orders::start().await;
        let undone = FaultPoint {
            saga: "checkout",
            step: "place",
            direction: Direction::Undo,
            moment: Moment::BeforePersist,
        };
        let (_, public) = shop.faulty(Once::at(undone, fault));
        let wish = cart(&[(LAMP, 4)]);
        let answer = shop
            .call_on(&public, ALICE, Method::POST, "/orders", &[], Some(&wish))
            .await;
        assert_eq!(answer.status, 202, "{fault:?} {answer:?}");
        let order = answer.order();
        assert_eq!(shop.status(order).await, "cancelled");
        assert_eq!(shop.count("select count(*) from job").await, 0);
        // Another process takes it over.
        shop.after(Duration::from_secs(15)).await;
        shop.settled().await;
        assert_eq!(shop.history(order).await, ["pending", "cancelled"]);
        assert_eq!(told(&shop, order).await, ["cancelled"], "{fault:?}");
        let text = mail(&shop, order, "cancelled").await;
        assert!(text.contains("There was not enough left of something"), "{text}");
    }
}

// ORD-13
#[tokio::test]
async fn an_order_that_somebody_cancels_while_it_is_checked_out_is_news_once() {
    let shop = Orders::start().await;
    shop.money.road.once("create", Fault::LoseAnswer);
    let answer = shop.post(ALICE, "/orders", &cart(&[(MUG, 1)])).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let order = answer.order();
    assert_eq!(shop.cancel(ALICE, order).await.status, 200);
    // The mail has gone before the checkout is undone.
    shop.app.queues.run_due().await.unwrap();
    assert_eq!(told(&shop, order).await, ["cancelled"]);
    shop.clock.advance(Duration::from_secs(1));
    assert!(shop.app.checkout.run_due().await.unwrap() > 0);
    assert_eq!(
        shop.count("select count(*) from saga where state = 'undone'")
            .await,
        1
    );
    assert_eq!(shop.count("select count(*) from job").await, 0);
    shop.settled().await;
    assert_eq!(shop.history(order).await, ["pending", "cancelled"]);
}

/// The text of the mail of `order` under this word; empty if there is none.
async fn mail(shop: &Orders, order: i64, word: &str) -> String {
    let number = shop.order(order).await["orderNumber"].clone();
    let id = format!("<{}.{word}@souk.example>", number.as_str().unwrap());
    shop.mails().remove(&id).unwrap_or_default()
}

// ORD-13
#[tokio::test]
async fn tracking_is_told_with_what_leaves_and_by_a_mail_of_its_own_only_where_it_comes_later() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    let track = async |number: &str| {
        let body = json!({"trackingNumber": number, "carrier": "UPS"});
        let answer = shop.put(CARLA, &format!("/orders/{order}/tracking"), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        shop.settled().await;
    };
    assert_eq!(shop.move_to(CARLA, order, "processing").await.status, 200);
    track("1Z1").await;
    assert_eq!(told(&shop, order).await, ["confirmed", "paid"]);
    assert_eq!(shop.move_to(CARLA, order, "shipped").await.status, 200);
    shop.settled().await;
    assert!(mail(&shop, order, "shipped").await.contains("tracknum=3D1Z1"));
    track("1Z1").await;
    assert_eq!(
        told(&shop, order).await,
        ["confirmed", "paid", "shipped"],
        "nothing new"
    );
    track("1Z2").await;
    let all = told(&shop, order).await;
    assert_eq!(all.len(), 4, "{all:?}");
    let later = all.iter().find(|word| word.starts_with("tracking-")).unwrap();
    let text = mail(&shop, order, later).await;
    assert!(text.contains("Follow it with UPS: 1Z2."), "{text}");
}

// ORD-13: of each part that goes back, whatever goes back in the end.
#[tokio::test]
async fn each_refund_of_a_part_is_a_mail_with_what_went_back_so_far() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    for minor in [500, 200] {
        shop.money.refund(order, minor);
        shop.settle().await;
    }
    let words = ["confirmed", "paid", "refund-500", "refund-700"];
    assert_eq!(told(&shop, order).await, words);
    let text = mail(&shop, order, "refund-700").await;
    assert!(text.contains("7.00 USD so far"), "{text}");
    // The bank sends all of it back to us, and a part goes out anew.
    for refunded_minor in [0, 300] {
        shop.money.tell(PaymentRefunded {
            order_id: OrderId::new(order).unwrap(),
            payment_id: PaymentId::new(order).unwrap(),
            refunded_minor,
            captured_minor: shop.money.asked(order),
        });
        shop.settle().await;
    }
    assert_eq!(told(&shop, order).await.len(), 5);
    assert!(mail(&shop, order, "refund-300").await.contains("3.00 USD so far"));
    shop.money.refund(order, shop.money.asked(order) - 700);
    shop.settled().await;
    assert!(told(&shop, order).await.contains(&"refunded".to_owned()));
}

// ORD-13, PAY-14
#[tokio::test]
async fn a_refund_of_a_wrong_amount_is_told_in_its_own_currency_and_not_as_the_order_s() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    assert!(shop.money.pay_other(order, 1_000, "EUR"));
    shop.settle().await;
    shop.money.refund(order, 400);
    shop.settle().await;
    assert_eq!(told(&shop, order).await, ["confirmed", "refund-400-EUR"]);
    let text = mail(&shop, order, "refund-400-EUR").await;
    assert!(
        text.contains("Of what you paid, we have returned 4.00 EUR so far"),
        "{text}"
    );
    shop.left_open();
}
