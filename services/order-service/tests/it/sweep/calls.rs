//! Every call to a neighbour is lost, repeated, late or refused.

use std::sync::Arc;
use std::time::Duration;

use saga::{FaultHook, FaultPoint};
use wire::code;

use super::{ROUTES, Route, assert_arrived, recover, travel};
use crate::doubles::{Fault, Road};
use crate::harness::{ALICE, MUG, Orders, cart};

/// Nothing goes wrong in the engine.
struct Never;

impl FaultHook for Never {
    fn at(&self, _: FaultPoint) -> Option<saga::Fault> {
        None
    }
}

// SAG-3, SAG-5, STK-10: lost on the way there, on the way back, sent twice, or arriving when all is over.
#[tokio::test]
async fn every_call_may_be_lost_repeated_or_late() {
    let shop = Orders::start().await;
    for route in ROUTES {
        for call in route.calls() {
            for fault in [Fault::LoseRequest, Fault::LoseAnswer, Fault::Twice, Fault::Late] {
                suffer(&shop, route, call, fault).await;
            }
        }
    }
}

// SAG-4: undoing goes on after a no.
#[tokio::test]
async fn a_refused_undo_is_asked_for_again() {
    let shop = Orders::start().await;
    for call in Route::Expire.calls() {
        suffer(&shop, Route::Expire, call, Fault::Refuse(code::PROVIDER_ERROR)).await;
    }
}

async fn suffer(shop: &Orders, route: Route, call: &'static str, fault: Fault) {
    let what = format!("{fault:?} of {call}");
    road(shop, call).once(call, fault);
    let order = travel(shop, route, Arc::new(Never)).await;
    assert!(road(shop, call).is_clear(), "{route:?}: no {what}");
    let late = road(shop, call).arrive();
    assert_eq!(late > 0, fault == Fault::Late, "{route:?} {what}");
    assert_arrived(shop, route, order, &what).await;
}

/// The road that such calls take.
fn road<'a>(shop: &'a Orders, call: &str) -> &'a Road {
    match call {
        "create" | "cancel" | "refund" => &shop.money.road,
        _ => &shop.stock.road,
    }
}

// SAG-4, SAG-6: a clear no before the pivot takes everything back; after it the money goes back.
#[tokio::test]
async fn every_call_may_be_refused() {
    let shop = Orders::start().await;
    let refusals = [
        (
            "hold",
            code::INSUFFICIENT_STOCK,
            vec!["pending", "cancelled"],
            vec![],
            vec![],
        ),
        (
            "create",
            code::PROVIDER_ERROR,
            vec!["pending", "cancelled"],
            vec!["held", "released"],
            vec![],
        ),
        (
            "commit",
            code::RESERVATION_LOST,
            vec!["pending", "confirmed", "cancelled"],
            vec!["held", "released"],
            vec!["made", "captured", "refunded"],
        ),
    ];
    for (call, code, history, stock, money) in refusals {
        let road = road(&shop, call);
        road.once(call, Fault::Refuse(code));
        let answer = shop.post(ALICE, "/orders", &cart(&[(MUG, 1)])).await;
        let order = answer.order();
        shop.money.pay(order);
        recover(&shop).await;
        assert_eq!(shop.history(order).await, history, "{call}");
        assert_eq!(shop.stock.changes(order), stock, "{call}");
        assert_eq!(shop.money.changes(order), money, "{call}");
        shop.settled().await;
    }
    assert!(shop.stock.road.is_clear() && shop.money.road.is_clear());
}

// SAG-3: what stays unknown past its time is taken back like what happened, and a late request finds a tombstone.
#[tokio::test]
async fn a_step_that_stays_in_doubt_is_undone_and_stays_undone() {
    let shop = Orders::start().await;
    for (call, fault) in [
        ("hold", Fault::LoseRequest),
        ("hold", Fault::LoseAnswer),
        ("hold", Fault::Late),
        ("create", Fault::LoseRequest),
        ("create", Fault::LoseAnswer),
        ("create", Fault::Late),
    ] {
        let road = road(&shop, call);
        road.always(call, Some(fault));
        let answer = shop.post(ALICE, "/orders", &cart(&[(MUG, 1)])).await;
        assert_eq!(answer.status, 202, "{call} {fault:?}: {answer:?}");
        let order = answer.order();
        for _ in 0..4 {
            shop.after(Duration::from_secs(30)).await;
        }
        road.always(call, None);
        road.arrive();
        recover(&shop).await;
        assert_eq!(
            shop.history(order).await,
            ["pending", "cancelled"],
            "{call} {fault:?}"
        );
        assert_eq!(
            shop.order(order).await["cancelReason"],
            "no-answer",
            "{call} {fault:?}"
        );
        assert_ne!(shop.money.state(order), "open", "{call} {fault:?}");
        assert_eq!(shop.stock.available(MUG), 100, "{call} {fault:?}");
        assert!(!shop.money.pay(order));
        shop.settled().await;
    }
}

// SAG-8: where there is no way back, a clear no that nobody foresaw is for a person, and loses nothing.
#[tokio::test]
async fn a_refund_that_is_refused_is_stuck_and_not_forgotten() {
    let shop = Orders::start().await;
    let order = shop.paid().await;
    shop.money
        .road
        .once("refund", Fault::Refuse(code::PROVIDER_ERROR));
    assert_eq!(shop.cancel(ALICE, order).await.status, 200);
    recover(&shop).await;
    assert_eq!(
        shop.count("select count(*) from saga where state = 'stuck'")
            .await,
        1
    );
    assert_eq!(
        (shop.stock.state(order), shop.money.state(order)),
        ("committed", "captured")
    );
    shop.left_open();
}
