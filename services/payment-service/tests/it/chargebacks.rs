//! Disputes as the provider's own events tell of them, from the card's holder to the bank's decision.

use http::Method;
use serde_json::{Value, json};

use crate::harness::Payments;

impl Payments {
    /// The holder of the card that paid `intent` wants the money back; returns the dispute's id.
    pub async fn charge_back(&self, intent: &str, form: &str) -> String {
        let intent = self
            .provider(Method::GET, &format!("/v1/payment_intents/{intent}"), "")
            .await;
        let path = format!(
            "/_sandbox/charges/{}/dispute",
            intent["latest_charge"].as_str().unwrap()
        );
        let dispute = self.provider(Method::POST, &path, form).await;
        dispute["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{dispute}"))
            .to_owned()
    }

    pub async fn bank(&self, dispute: &str, act: &str, form: &str) {
        let path = format!("/_sandbox/disputes/{dispute}/{act}");
        let answer = self.provider(Method::POST, &path, form).await;
        assert!(answer["error"].is_null(), "{answer}");
    }

    async fn hear_all(&self) {
        self.deliver_all().await;
        self.settle().await;
    }
}

// PAY-15, PAY-17
#[tokio::test]
async fn a_chargeback_that_is_won_gives_the_money_back_to_the_shop() {
    let shop = Payments::start().await;
    let intent = shop.paid(81, 1_000).await;
    let dispute = shop.charge_back(&intent, "reason=product_not_received").await;
    shop.hear_all().await;
    let seen = shop.payment(81).await;
    assert_eq!(seen["disputeStatus"], "needs_response");
    assert!(
        seen["evidenceDueBy"].as_str().unwrap().starts_with("2030-01-15T"),
        "{seen}"
    );
    assert_eq!(
        shop.refund(json!({"orderId": 81})).await.code(),
        "payment-disputed"
    );
    assert_eq!(
        shop.count("select sum(amount_minor)::bigint from ledger_lines where account = 'provider'")
            .await,
        0
    );

    let path = format!("/v1/disputes/{dispute}");
    shop.provider(Method::POST, &path, "evidence[shipping_tracking_number]=1Z999")
        .await;
    shop.hear_all().await;
    let seen = shop.payment(81).await;
    assert_eq!(
        (&seen["disputeStatus"], &seen["evidenceDueBy"]),
        (&json!("under_review"), &Value::Null)
    );

    shop.bank(&dispute, "close", "status=won").await;
    shop.hear_all().await;
    assert_eq!(shop.payment(81).await["disputeStatus"], "won");
    assert_eq!(
        shop.count("select sum(amount_minor)::bigint from ledger_lines where account = 'provider'")
            .await,
        1_000
    );
    assert_eq!(shop.refund(json!({"orderId": 81})).await.status, 200);
    assert_eq!(shop.status(81).await, "refunded");
}

// PAY-15, PAY-17
#[tokio::test]
async fn an_inquiry_may_become_a_chargeback_and_be_lost() {
    let shop = Payments::start().await;
    let intent = shop.paid(81, 1_000).await;
    let dispute = shop.charge_back(&intent, "inquiry=true").await;
    shop.hear_all().await;
    assert_eq!(shop.payment(81).await["disputeStatus"], "warning_needs_response");
    assert_eq!(shop.count("select disputed_minor from payments").await, 0);
    assert_eq!(shop.refund(json!({"orderId": 81, "amount": 4})).await.status, 200);
    shop.bank(&dispute, "escalate", "").await;
    shop.bank(&dispute, "close", "status=lost").await;
    shop.hear_all().await;
    let seen = shop.payment(81).await;
    assert_eq!(
        (&seen["disputeStatus"], &seen["status"]),
        (&json!("lost"), &json!("partially_refunded"))
    );
    assert_eq!(
        shop.refund(json!({"orderId": 81, "amount": 1})).await.code(),
        "payment-disputed"
    );
    assert_eq!(
        shop.refund_rest(81, "saga-1/refund").await.unwrap(),
        0,
        "nothing is left to send back"
    );
    let gone = "select sum(amount_minor)::bigint from ledger_lines where account in ('disputed', 'fees')";
    assert!(shop.count(gone).await > 0, "it has cost something");
}

// PAY-12, PAY-15: the provider knows of a dispute that we have not heard of yet.
#[tokio::test]
async fn a_dispute_that_the_provider_knows_first_refuses_the_refund_and_frees_its_amount() {
    let shop = Payments::start().await;
    let intent = shop.paid(81, 1_000).await;
    let dispute = shop.charge_back(&intent, "reason=fraudulent").await;
    let answer = shop.refund(json!({"orderId": 81})).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (409, "payment-disputed"),
        "{answer:?}"
    );
    assert!(shop.refund_rest(81, "saga-1/refund").await.is_err(), "not yet");
    assert_eq!(shop.count("select refund_pending_minor from payments").await, 0);
    assert_eq!(
        shop.count("select count(*) from operations where state = 'started'")
            .await,
        0
    );
    shop.bank(&dispute, "close", "status=won").await;
    shop.hear_all().await;
    assert_eq!(shop.refund_rest(81, "saga-1/refund").await.unwrap(), 1_000);
    assert_eq!(shop.status(81).await, "refunded");
}
