//! `/_sandbox`: what at Stripe a payer, a bank or the dashboard does. README.md documents it.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use serde_json::{Value, json};

use super::request::Call;
use crate::attempt;
use crate::error::ApiError;
use crate::form::required;
use crate::objects::{IntentStatus, RefundStatus};

/// The payer passes 3-D Secure, or does not.
pub(super) async fn authenticate(Path(id): Path<String>, call: Call) -> Response {
    call.write(|transaction, params| {
        let outcome = required("outcome", params.choice("outcome", &["succeeded", "failed"])?)?;
        params.finish()?;
        let intent = transaction.intent(&id)?;
        let method = intent
            .payment_method
            .clone()
            .filter(|_| intent.status == IntentStatus::RequiresAction);
        let Some(method) = method else {
            let why = format!(
                "This PaymentIntent is {}; nobody waits for 3-D Secure.",
                intent.status.name()
            );
            return Err(ApiError::state("payment_intent_unexpected_state", why)
                .with("payment_intent", intent.render()));
        };
        let method = transaction.payment_method(&method)?;
        Ok(attempt::authenticated(transaction, intent, &method, outcome == "succeeded").render())
    })
}

/// The bank sends a refund back: the money is with the shop again.
pub(super) async fn fail_refund(Path(id): Path<String>, call: Call) -> Response {
    call.write(|transaction, params| {
        let reasons = ["lost_or_stolen_card", "expired_or_canceled_card", "unknown"];
        let why = params.choice("failure_reason", &reasons)?;
        params.finish()?;
        let mut refund = transaction.refund(&id)?;
        if refund.status == RefundStatus::Failed {
            return Err(ApiError::bad_request("This refund has failed already.").into_outcome());
        }
        let mut charge = transaction.charge_of("charge", &refund.charge)?;
        charge.amount_refunded -= refund.amount;
        refund.status = RefundStatus::Failed;
        refund.failure_reason = Some(why.unwrap_or_else(|| "unknown".to_owned()));
        transaction.save_charge(&charge, &[]);
        transaction.save_refund(&refund, &["refund.updated", "refund.failed"]);
        Ok(refund.render())
    })
}

/// What is still to be delivered.
pub(super) async fn webhooks(call: Call) -> Response {
    let url = call
        .sandbox()
        .config()
        .webhook_url
        .as_ref()
        .map(ToString::to_string);
    call.read(|state, params| {
        params.finish()?;
        let waiting = state.queue.iter().filter_map(|(position, delivery)| {
            let event = state.events.at(position)?;
            Some(json!({
                "event": event.id,
                "type": event.kind,
                "created": event.created,
                "attempts": delivery.attempts,
                "last_error": delivery.last,
            }))
        });
        let waiting: Vec<Value> = waiting.collect();
        Ok(json!({"url": url, "pending": waiting.len(), "data": waiting}))
    })
}

/// Delivers now what waits; with `event`, that one too, even if it was taken before.
pub(super) async fn redeliver(call: Call) -> Response {
    let sandbox = Arc::clone(call.sandbox());
    let response = call.write(|transaction, params| {
        let event = params.word("event")?;
        params.finish()?;
        if let Some(id) = &event {
            transaction.redeliver(id)?;
        }
        Ok(json!({"event": event}))
    });
    if response.status().is_success() {
        sandbox.hurry_webhooks();
    }
    response
}
