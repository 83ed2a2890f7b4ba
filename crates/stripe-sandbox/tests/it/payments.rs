//! Paying, being declined, cancelling.

use crate::harness::Sandbox;

#[tokio::test]
async fn a_good_card_pays_once_and_the_events_tell_of_it() {
    let stripe = Sandbox::open(None).await;
    let id = stripe.intent().await;
    let paid = stripe.confirm(&id, "pm_card_visa").await;
    assert_eq!((paid.status, &paid.json["status"]), (200, &"succeeded".into()));
    assert_eq!(paid.json["amount_received"], 2000);
    assert_eq!(paid.json["livemode"], false);
    let events = stripe.events().await;
    for kind in [
        "payment_intent.created",
        "payment_intent.succeeded",
        "charge.succeeded",
    ] {
        assert_eq!(events.iter().filter(|e| *e == kind).count(), 1, "{events:?}");
    }
    let again = stripe.confirm(&id, "pm_card_visa").await;
    assert_eq!(
        (again.status, &again.json["error"]["code"]),
        (400, &"payment_intent_unexpected_state".into())
    );
    let cancel = stripe.post(&format!("/v1/payment_intents/{id}/cancel"), "").await;
    assert_eq!(cancel.status, 400, "money that came is not called off");
}

#[tokio::test]
async fn a_declined_card_leaves_the_intent_open_for_another() {
    let stripe = Sandbox::open(None).await;
    let id = stripe.intent().await;
    for (card, code, decline) in [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
        ),
        (
            "pm_card_chargeDeclinedExpiredCard",
            "expired_card",
            "expired_card",
        ),
    ] {
        let no = stripe.confirm(&id, card).await;
        assert_eq!(
            (no.status, &no.json["error"]["code"]),
            (402, &code.into()),
            "{card}"
        );
        assert_eq!(no.json["error"]["type"], "card_error");
        assert_eq!(
            no.json["error"]["decline_code"].as_str().unwrap_or_default(),
            decline,
            "{card}"
        );
        assert_eq!(
            no.json["error"]["payment_intent"]["status"],
            "requires_payment_method"
        );
    }
    assert_eq!(stripe.confirm(&id, "pm_card_visa").await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_stripes_words() {
    let stripe = Sandbox::open(None).await;
    for (form, code) in [
        ("amount=49&currency=usd", "amount_too_small"),
        ("amount=100000000&currency=usd", "amount_too_large"),
        ("currency=usd", "parameter_missing"),
    ] {
        let refused = stripe.post("/v1/payment_intents", form).await;
        assert_eq!(
            (refused.status, &refused.json["error"]["code"]),
            (400, &code.into()),
            "{form}"
        );
        assert_eq!(refused.json["error"]["type"], "invalid_request_error");
    }
    for form in [
        "amount=-1&currency=usd",
        "amount=x&currency=usd",
        "amount=2000&currency=dollars",
    ] {
        assert_eq!(
            stripe.post("/v1/payment_intents", form).await.status,
            400,
            "{form}"
        );
    }
    let missing = stripe.get("/v1/payment_intents/pi_nothing").await;
    assert_eq!(
        (missing.status, &missing.json["error"]["code"]),
        (404, &"resource_missing".into())
    );
    assert_eq!(stripe.get("/v1/teapots").await.status, 404);
}

#[tokio::test]
async fn a_list_goes_on_after_the_last_of_its_page() {
    let stripe = Sandbox::open(None).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, stripe.intent().await);
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/payment_intents?limit=2".to_owned());
    loop {
        let page = stripe.get(&path).await.json;
        seen.extend(
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|i| i["id"].as_str().unwrap().to_owned()),
        );
        if page["has_more"] != true {
            break;
        }
        path = format!(
            "/v1/payment_intents?limit=2&starting_after={}",
            seen.last().unwrap()
        );
    }
    assert_eq!(seen, made);
}
