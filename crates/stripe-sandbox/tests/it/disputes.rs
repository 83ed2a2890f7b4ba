//! Disputes: by test card and on demand, answered, decided, run out.

use serde_json::Value;

use crate::harness::{Sandbox, TempDir};

async fn only_dispute(stripe: &Sandbox, intent: &str) -> Value {
    let list = stripe
        .get(&format!("/v1/disputes?payment_intent={intent}"))
        .await
        .json;
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");
    list["data"][0].clone()
}

/// The types of the events about disputes, oldest first.
async fn told(stripe: &Sandbox) -> Vec<String> {
    let events = stripe.events().await.into_iter().rev();
    events
        .filter_map(|e| e.strip_prefix("charge.dispute.").map(str::to_owned))
        .collect()
}

// PAY-15
#[tokio::test]
async fn a_disputed_payment_loses_its_money_and_a_won_dispute_gives_it_back() {
    let stripe = Sandbox::open(None).await;
    let (intent, charge) = stripe.paid("pm_card_createDispute").await;
    assert!(told(&stripe).await.is_empty(), "the holder sleeps over it");
    stripe.advance(60).await;
    let dispute = only_dispute(&stripe, &intent).await;
    assert_eq!(dispute["status"], "needs_response");
    assert_eq!(dispute["reason"], "fraudulent");
    assert_eq!(dispute["charge"], charge);
    assert_eq!(dispute["balance_transactions"][0]["net"], -2_000 - 1_500);
    assert!(dispute["evidence_details"]["due_by"].as_i64() > dispute["created"].as_i64());
    assert_eq!(told(&stripe).await, ["created", "funds_withdrawn"]);
    assert_eq!(
        stripe.get(&format!("/v1/charges/{charge}")).await.json["disputed"],
        true
    );

    let refund = stripe
        .post("/v1/refunds", &format!("payment_intent={intent}"))
        .await;
    assert_eq!(
        (refund.status, &refund.json["error"]["code"]),
        (400, &"charge_disputed".into())
    );

    let path = format!("/v1/disputes/{}", dispute["id"].as_str().unwrap());
    let form = "evidence[customer_name]=A&submit=false&metadata[k]=v";
    let staged = stripe.post(&path, form).await.json;
    assert_eq!(staged["status"], "needs_response");
    let said = stripe
        .post(&path, "evidence[uncategorized_text]=winning_evidence")
        .await
        .json;
    assert_eq!(said["status"], "under_review");
    assert_eq!(said["evidence"]["customer_name"], "A");
    assert_eq!(said["evidence_details"]["submission_count"], 1);
    let late = stripe.post(&path, "evidence[receipt]=file_1").await;
    assert_eq!(late.status, 400, "it is submitted once");

    stripe.advance(60).await;
    let won = stripe.get(&path).await.json;
    assert_eq!(won["status"], "won");
    assert_eq!(won["balance_transactions"][1]["net"], 2_000);
    assert_eq!(
        told(&stripe).await,
        [
            "created",
            "funds_withdrawn",
            "updated",
            "updated",
            "closed",
            "funds_reinstated"
        ]
    );
    let refund = stripe
        .post("/v1/refunds", &format!("payment_intent={intent}"))
        .await;
    assert_eq!(refund.status, 200, "{}", refund.json);
}

#[tokio::test]
async fn silence_past_the_deadline_loses_and_an_inquiry_only_closes() {
    let folder = TempDir::new("deadline");
    let stripe = Sandbox::open(Some(&folder.file())).await;
    let (chargeback, _) = stripe.paid("pm_card_createDisputeProductNotReceived").await;
    let (inquiry, charge) = stripe.paid("pm_card_createDisputeInquiry").await;
    stripe.advance(60).await;
    let asked = only_dispute(&stripe, &inquiry).await;
    assert_eq!(asked["status"], "warning_needs_response");
    assert_eq!(asked["balance_transactions"], serde_json::json!([]));
    assert_eq!(asked["is_charge_refundable"], true);
    let form = format!("charge={charge}&amount=100");
    assert_eq!(stripe.post("/v1/refunds", &form).await.status, 200);
    drop(stripe);

    // The deadline is found again after a restart, and so is the time.
    let stripe = Sandbox::open(Some(&folder.file())).await;
    stripe.advance(13 * 24 * 3600).await;
    assert_eq!(
        only_dispute(&stripe, &chargeback).await["status"],
        "needs_response"
    );
    stripe.advance(2 * 24 * 3600).await;
    let lost = only_dispute(&stripe, &chargeback).await;
    assert_eq!(lost["status"], "lost");
    assert_eq!(lost["evidence_details"]["past_due"], true);
    assert_eq!(only_dispute(&stripe, &inquiry).await["status"], "warning_closed");
    let refund = stripe
        .post("/v1/refunds", &format!("payment_intent={chargeback}"))
        .await;
    assert_eq!(refund.json["error"]["code"], "charge_disputed");
}

#[tokio::test]
async fn a_dispute_is_opened_escalated_and_decided_on_demand() {
    let stripe = Sandbox::open(None).await;
    let (intent, charge) = stripe.paid("pm_card_visa").await;
    let open = format!("/_sandbox/charges/{charge}/dispute");
    let part = format!("payment_intent={intent}&amount=500");
    assert_eq!(stripe.post("/v1/refunds", &part).await.status, 200);
    let inquiry = stripe.post(&open, "reason=general&inquiry=true").await.json;
    assert_eq!(
        (&inquiry["amount"], &inquiry["reason"]),
        (&1_500.into(), &"general".into())
    );
    assert_eq!(stripe.post(&open, "").await.status, 400, "one at a time");
    let id = inquiry["id"].as_str().unwrap();
    let wrong = stripe
        .post(&format!("/_sandbox/disputes/{id}/close"), "status=won")
        .await;
    assert_eq!(wrong.status, 400, "an inquiry is not won");
    let now = stripe
        .post(&format!("/_sandbox/disputes/{id}/escalate"), "")
        .await;
    assert_eq!(now.json["status"], "needs_response");
    let lost = stripe.post(&format!("/v1/disputes/{id}/close"), "").await;
    assert_eq!((lost.status, &lost.json["status"]), (200, &"lost".into()));
    let again = stripe.post(&format!("/v1/disputes/{id}/close"), "").await;
    assert_eq!(again.status, 400);
    assert_eq!(
        told(&stripe).await,
        ["created", "updated", "funds_withdrawn", "closed"]
    );
    let unknown = stripe.post(&format!("/v1/disputes/{id}"), "evidence[x]=1").await;
    assert_eq!(unknown.json["error"]["code"], "parameter_unknown");
}
