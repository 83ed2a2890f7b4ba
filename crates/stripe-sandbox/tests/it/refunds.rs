//! Giving money back, and what the bank makes of it afterwards.

use serde_json::json;

use crate::harness::Sandbox;

#[tokio::test]
async fn refunds_take_what_was_paid_and_no_more() {
    let stripe = Sandbox::open(None).await;
    let id = stripe.intent().await;
    let early = stripe.post("/v1/refunds", &format!("payment_intent={id}")).await;
    assert_eq!(early.status, 400, "nothing was paid yet");
    stripe.confirm(&id, "pm_card_visa").await;
    let part = stripe
        .post(
            "/v1/refunds",
            &format!("payment_intent={id}&amount=500&metadata[refund_id]=7"),
        )
        .await;
    assert_eq!((part.status, &part.json["amount"]), (200, &500.into()));
    assert_eq!(part.json["metadata"]["refund_id"], "7");
    assert_eq!(
        stripe
            .post("/v1/refunds", &format!("payment_intent={id}&amount=1501"))
            .await
            .status,
        400
    );
    let rest = stripe.post("/v1/refunds", &format!("payment_intent={id}")).await;
    assert_eq!(rest.json["amount"], 1500);
    let over = stripe.post("/v1/refunds", &format!("payment_intent={id}")).await;
    assert_eq!(
        (over.status, &over.json["error"]["code"]),
        (400, &"charge_already_refunded".into())
    );
}

// PAY-12
#[tokio::test]
async fn the_bank_may_take_a_refund_later_or_send_it_back() {
    let stripe = Sandbox::open(None).await;
    for (card, first, last) in [
        ("pm_card_pendingRefund", "pending", "succeeded"),
        ("pm_card_refundFail", "succeeded", "failed"),
    ] {
        let (intent, charge) = stripe.paid(card).await;
        let made = stripe
            .post("/v1/refunds", &format!("payment_intent={intent}&amount=500"))
            .await;
        assert_eq!(
            (made.status, &made.json["status"]),
            (200, &first.into()),
            "{card}"
        );
        let charge_path = format!("/v1/charges/{charge}");
        assert_eq!(stripe.get(&charge_path).await.json["amount_refunded"], 500);

        stripe.advance(60).await;
        let path = format!("/v1/refunds/{}", made.json["id"].as_str().unwrap());
        let refund = stripe.get(&path).await.json;
        assert_eq!(refund["status"], last, "{card}");
        let left = if last == "failed" { 0 } else { 500 };
        assert_eq!(stripe.get(&charge_path).await.json["amount_refunded"], left);
        let events = stripe.events().await;
        assert!(events.contains(&"refund.updated".to_owned()), "{events:?}");
        assert_eq!(
            events.contains(&"refund.failed".to_owned()),
            last == "failed",
            "{events:?}"
        );
        if last == "failed" {
            assert_eq!(refund["failure_reason"], "expired_or_canceled_card");
            assert!(
                refund["failure_balance_transaction"]
                    .as_str()
                    .unwrap()
                    .starts_with("txn_")
            );
        }
    }
}

#[tokio::test]
async fn each_movement_of_the_balance_is_listed_with_its_fee() {
    let stripe = Sandbox::open(None).await;
    let (intent, charge) = stripe.paid("pm_card_refundFail").await;
    let refund = stripe
        .post("/v1/refunds", &format!("payment_intent={intent}"))
        .await;
    stripe.advance(60).await;
    let list = stripe.get("/v1/balance_transactions").await.json;
    let seen: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| (t["type"].clone(), t["net"].clone(), t["source"].clone()))
        .collect();
    let refund = refund.json["id"].clone();
    assert_eq!(
        seen,
        [
            (json!("refund_failure"), json!(2_000), refund.clone()),
            (json!("refund"), json!(-2_000), refund),
            (json!("charge"), json!(2_000 - 88), json!(charge)),
        ]
    );
    let path = format!("/v1/balance_transactions?source={charge}&type=charge");
    assert_eq!(stripe.get(&path).await.json["data"].as_array().unwrap().len(), 1);
}
