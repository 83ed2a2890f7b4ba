//! What becomes of attempts to pay: declined, authenticated first, processing for a while.

use http::Method;
use payment_service::domain::{IntentSeen, IntentState};
use payment_service::ops::observe::Seen;
use payment_service::ops::observing::{By, Observation, Observing};
use pg::fold;
use serde_json::{Value, json};
use types::OrderId;

use crate::harness::{ALICE, Payments, RECHECK};

/// What order-service heard of where an open payment stands.
fn moves(shop: &Payments) -> Vec<Value> {
    let heard = shop.shop.heard.lock().unwrap();
    let moved = heard.iter().filter(|(kind, _)| kind == "payment.moved.v1");
    moved.map(|(_, event)| event["status"].clone()).collect()
}

async fn authenticate(shop: &Payments, intent: &str, outcome: &str) {
    let path = format!("/_sandbox/payment_intents/{intent}/authenticate");
    shop.provider(Method::POST, &path, &format!("outcome={outcome}"))
        .await;
}

// PAY-10: why a card was declined reaches whoever pays; another card may follow.
#[tokio::test]
async fn the_reason_of_a_decline_reaches_the_client_and_another_card_may_follow() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    for (card, reason) in [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedLostCard", "lost_card"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error"),
    ] {
        shop.pay(&intent, card).await;
        shop.deliver(&shop.event("payment_intent.payment_failed").await)
            .await;
        shop.settle().await;
        let seen = shop.get(ALICE, "/payments/order/81").await.body;
        assert_eq!(
            (&seen["status"], &seen["lastError"]),
            (&json!("failed"), &json!(reason)),
            "{card}"
        );
        let again = shop
            .post(ALICE, "/payments/create-intent", json!({"orderId": 81}))
            .await;
        assert_eq!(
            (again.text("status"), again.text("paymentIntentId")),
            ("failed".to_owned(), intent.clone())
        );
    }
    shop.pay(&intent, "pm_card_visa").await;
    shop.deliver_all().await;
    shop.settle().await;
    let seen = shop.get(ALICE, "/payments/order/81").await.body;
    assert_eq!(
        (&seen["status"], &seen["lastError"]),
        (&json!("succeeded"), &Value::Null)
    );
    assert_eq!(
        shop.heard().iter().filter(|h| *h == "failed").count(),
        6,
        "each attempt once"
    );
}

// PAY-10: 3-D Secure parks the payment, which then succeeds or fails.
#[tokio::test]
async fn a_card_that_wants_3d_secure_waits_for_its_holder() {
    let shop = Payments::start().await;
    for (order, card, outcome, end) in [
        (81, "pm_card_threeDSecure2Required", "succeeded", "succeeded"),
        (82, "pm_card_authenticationRequired", "failed", "failed"),
        (
            83,
            "pm_card_threeDSecureRequiredChargeDeclined",
            "succeeded",
            "failed",
        ),
    ] {
        let intent = shop.ordered(order, 1_000).await.payment_intent_id;
        shop.pay(&intent, card).await;
        shop.deliver_all().await;
        shop.settle().await;
        assert_eq!(shop.status(order).await, "requires_action", "{card}");
        assert_eq!(moves(&shop).last(), Some(&json!("requires_action")));
        let again = shop
            .post(ALICE, "/payments/create-intent", json!({"orderId": order}))
            .await;
        assert_eq!(
            again.text("paymentIntentId"),
            intent,
            "the same can still be paid"
        );
        authenticate(&shop, &intent, outcome).await;
        shop.deliver_all().await;
        shop.settle().await;
        assert_eq!(shop.status(order).await, end, "{card}");
    }
    assert_eq!(moves(&shop).len(), 3, "each once, however often its events come");
}

// PAY-14: order-service pins the stock of what is processing, and hears when that has ended.
#[tokio::test]
async fn a_payment_that_is_processing_is_told_each_time_it_starts() {
    let shop = Payments::start().await;
    let id = shop.ordered(81, 1_000).await.payment_intent_id;
    let order = OrderId::new(81).unwrap();
    for state in [
        IntentState::Processing,
        IntentState::Processing,
        IntentState::Failed("card_declined".to_owned()),
        IntentState::Processing,
        IntentState::Open,
        IntentState::RequiresAction,
        // It was read before it failed, and is taken in after that: what has failed is no news, and that it has is.
        IntentState::Failed("card_declined".to_owned()),
        IntentState::Open,
        IntentState::Failed("card_declined".to_owned()),
    ] {
        let seen = IntentSeen {
            id: id.clone(),
            client_secret: None,
            charge: None,
            state,
        };
        let observation = Observation {
            order,
            seen: vec![Seen::Intent(seen)],
            by: By::Look,
            context: None,
        };
        let observed = fold::all(&Observing::of(&shop.app), &[observation]).await;
        assert!(observed.iter().all(Result::is_ok), "{observed:?}");
    }
    shop.settle().await;
    assert_eq!(
        moves(&shop),
        [
            "processing",
            "processing",
            "pending",
            "requires_action",
            "failed",
            "failed"
        ]
    );
    assert_eq!(
        shop.heard(),
        ["moved", "failed", "moved", "moved", "moved", "moved", "moved"]
    );
}

// PAY-9: whoever comes back from paying sees it, webhook or not.
#[tokio::test]
async fn a_payer_who_comes_back_sees_that_it_was_paid_before_any_webhook() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    let look = async || shop.get(ALICE, "/payments/order/81").await.body["status"].clone();
    assert_eq!(look().await, "pending", "it was read a moment ago");
    shop.clock.advance(std::time::Duration::from_secs(3));
    shop.road.close(true);
    assert_eq!(
        look().await,
        "pending",
        "as it was, while the provider does not answer"
    );
    shop.road.close(false);
    shop.clock.advance(std::time::Duration::from_secs(30));
    assert_eq!(look().await, "succeeded");
    shop.deliver_all().await;
    shop.settle().await;
    assert_eq!(shop.heard(), ["succeeded"]);
}

// PAY-9: one function, under a lock, whoever calls it.
#[tokio::test(flavor = "multi_thread")]
async fn return_polling_webhooks_and_rechecks_at_once_have_one_effect() {
    let shop = Payments::start().await;
    let intent = shop.ordered(81, 1_000).await.payment_intent_id;
    shop.pay(&intent, "pm_card_visa").await;
    shop.clock.advance(RECHECK);
    let returns = futures::future::join_all((0..10).map(|_| shop.get(ALICE, "/payments/order/81")));
    let polls = futures::future::join_all((0..5).map(|_| shop.create(81, 1_000)));
    let webhooks = async {
        for _ in 0..3 {
            shop.deliver_all().await;
            shop.settle().await;
        }
    };
    let rechecks = async {
        for _ in 0..3 {
            payment_service::jobs::recheck::run_due(&shop.app).await.unwrap();
        }
    };
    let (returns, polls, (), (), cancelled) =
        tokio::join!(returns, polls, webhooks, rechecks, shop.cancel(81));
    assert!(returns.iter().all(|a| a.status == 200) && polls.iter().all(Result::is_ok));
    assert!(cancelled.unwrap(), "the money came first");
    shop.settle().await;
    assert_eq!(
        (shop.status(81).await.as_str(), shop.heard()),
        ("succeeded", vec!["succeeded".to_owned()])
    );
}
