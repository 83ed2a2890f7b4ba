//! Money that comes when nobody waits for it any more, or nearly so.

use std::time::Duration;

use crate::doubles::Fault;
use crate::harness::{ALICE, LAMP, MUG, Orders, WINDOW, cart};
use crate::payment::succeeded;

// ORD-8: the money of an order that was cancelled meanwhile goes back, once, whatever comes first.
#[tokio::test]
async fn money_for_a_cancelled_order_goes_back_once() {
    let shop = Orders::start().await;
    // Cancelled, and paid before its intent could be.
    let order = shop.confirmed().await;
    assert_eq!(shop.cancel(ALICE, order).await.status, 200);
    assert!(shop.money.pay(order));
    let event = shop.money.next_event().unwrap();
    assert!(shop.deliver(event.clone()).await);
    shop.settle().await;
    assert!(shop.deliver(event).await);
    shop.money.tell(succeeded(order, shop.money.asked(order)));
    shop.settle().await;
    assert_eq!(shop.money.changes(order), ["made", "captured", "refunded"]);
    assert_eq!(shop.stock.available(MUG), 100);

    // The news comes after everything was undone.
    let order = shop.confirmed().await;
    assert!(shop.money.pay(order));
    let event = shop.money.next_event().unwrap();
    assert_eq!(shop.cancel(ALICE, order).await.status, 200);
    shop.app.run_due().await.unwrap();
    assert_eq!(shop.money.state(order), "refunded");
    assert!(shop.deliver(event).await);
    shop.settle().await;
    assert_eq!(shop.money.changes(order), ["made", "captured", "refunded"]);
    assert_eq!(shop.history(order).await, ["pending", "confirmed", "cancelled"]);
    assert_eq!(shop.stock.available(MUG), 100);
    shop.settled().await;
}

// ORD-7
#[tokio::test]
async fn an_order_that_nobody_pays_expires_its_intent_first() {
    let shop = Orders::start().await;
    let order = shop.confirmed_with(&[(LAMP, 3)]).await;
    shop.after(WINDOW - Duration::from_secs(1)).await;
    assert_eq!(shop.status(order).await, "confirmed");
    // As long as the intent may be paid, nothing else is given up.
    shop.money.road.always("cancel", Some(Fault::LoseRequest));
    shop.after(Duration::from_secs(1)).await;
    assert_eq!(
        (shop.status(order).await, shop.stock.state(order)),
        ("confirmed".to_owned(), "held")
    );
    shop.money.road.always("cancel", None);
    shop.after(Duration::from_secs(30)).await;
    assert_eq!(shop.status(order).await, "cancelled");
    assert_eq!(shop.order(order).await["cancelReason"], "expired");
    assert_eq!(
        (shop.money.changes(order), shop.stock.changes(order)),
        (vec!["made", "cancelled"], vec!["held", "released"])
    );
    assert!(!shop.money.pay(order));
    assert_eq!(shop.stock.available(LAMP), 3);
    shop.settled().await;
}

// ORD-7: the money beat the expiry, whether or not its news did.
#[tokio::test]
async fn an_order_that_was_paid_at_the_last_moment_is_paid() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    assert!(shop.money.pay(order));
    let late = shop.money.next_event().unwrap();
    shop.clock.advance(WINDOW);
    shop.app.run_due().await.unwrap();
    assert_ne!(shop.status(order).await, "cancelled");
    // STK-7: nobody else gets its stock meanwhile.
    assert_eq!(shop.stock.changes(order), ["held", "extended"]);
    assert!(shop.deliver(late).await);
    shop.settle().await;
    assert_eq!(shop.history(order).await, ["pending", "confirmed", "paid"]);
    assert_eq!(shop.money.changes(order), ["made", "captured"]);
    shop.settled().await;
}

// ORD-2, SAG-3: whoever has the secret may pay before we know that there is one.
#[tokio::test]
async fn money_may_come_before_the_order_is_confirmed() {
    let shop = Orders::start().await;
    shop.money.road.once("create", Fault::LoseAnswer);
    let answer = shop.post(ALICE, "/orders", &cart(&[(MUG, 1)])).await;
    assert_eq!(answer.status, 202);
    let order = answer.order();
    assert!(shop.money.pay(order));
    shop.deliver_all().await;
    assert_eq!(shop.status(order).await, "pending");
    shop.after(Duration::from_secs(1)).await;
    assert_eq!(shop.history(order).await, ["pending", "confirmed", "paid"]);
    shop.settled().await;
}

// ORD-2, SAG-4: an order may be cancelled while it is checked out; what was arranged meanwhile is taken back.
#[tokio::test]
async fn an_order_may_be_cancelled_while_it_is_checked_out() {
    let shop = Orders::start().await;
    shop.money.road.once("create", Fault::Wait);
    let wish = cart(&[(MUG, 1)]);
    let cancel = async {
        shop.money.road.waiting(1).await;
        let answer = shop.cancel(ALICE, 1).await;
        shop.money.road.open();
        answer
    };
    let (placed, cancelled) = tokio::join!(shop.post(ALICE, "/orders", &wish), cancel);
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert_eq!(
        (placed.status.as_u16(), placed.code()),
        (409, "illegal-transition")
    );
    assert_eq!(placed.order(), 1);
    shop.settled().await;
    assert_eq!(shop.history(1).await, ["pending", "cancelled"]);
    assert_eq!(shop.money.changes(1), ["made", "cancelled"]);
    assert_eq!(shop.stock.changes(1), ["held", "released"]);
}

// PAY-14: a wrong amount goes back when its order is cancelled.
#[tokio::test]
async fn a_wrong_amount_goes_back_with_a_cancel() {
    let shop = Orders::start().await;
    let order = shop.confirmed().await;
    assert!(shop.money.pay_other(order, 1_000, "USD"));
    shop.settle().await;
    assert_eq!(shop.cancel(ALICE, order).await.status, 200);
    shop.settled().await;
    assert_eq!(shop.money.changes(order), ["made", "captured", "refunded"]);
    assert_eq!(shop.stock.changes(order), ["held", "pinned", "released"]);
}
