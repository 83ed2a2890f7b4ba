//! `/_sandbox`: what at Stripe a payer, a bank or the dashboard does. README.md documents it.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::Response;
use serde_json::{Value, json};

use super::request::Call;
use crate::error::ApiError;
use crate::form::required;
use crate::objects::{DisputeStatus, IntentStatus, RefundStatus};
use crate::{attempt, dispute, refund};

/// The farthest that time goes in one step: ten years, in seconds.
const LONGEST_STEP: i64 = 315_360_000;

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
    .await
}

/// The bank sends a refund back: the money is with the shop again.
pub(super) async fn fail_refund(Path(id): Path<String>, call: Call) -> Response {
    call.write(|transaction, params| {
        let reasons = ["lost_or_stolen_card", "expired_or_canceled_card", "unknown"];
        let why = params.choice("failure_reason", &reasons)?;
        params.finish()?;
        let refund = transaction.refund(&id)?;
        if refund.status == RefundStatus::Failed {
            return Err(ApiError::bad_request("This refund has failed already.").into_outcome());
        }
        refund::fail(transaction, refund, why.as_deref().unwrap_or("unknown")).map(|refund| refund.render())
    })
    .await
}

/// The card's holder disputes a charge.
pub(super) async fn dispute(Path(id): Path<String>, call: Call) -> Response {
    call.write(|transaction, params| {
        let reason = params.choice("reason", &dispute::REASONS)?;
        let inquiry = params.flag("inquiry")?.unwrap_or(false);
        params.finish()?;
        let charge = transaction.charge_of("charge", &id)?;
        let reason = reason.as_deref().unwrap_or("fraudulent");
        dispute::open(transaction, charge, reason, inquiry).map(|dispute| dispute.render())
    })
    .await
}

/// The bank decides.
pub(super) async fn close_dispute(Path(id): Path<String>, call: Call) -> Response {
    call.write(|transaction, params| {
        let word = required(
            "status",
            params.choice("status", &["won", "lost", "warning_closed"])?,
        )?;
        params.finish()?;
        let dispute = transaction.dispute(&id)?;
        let status = match word.as_str() {
            "won" => DisputeStatus::Won,
            "lost" => DisputeStatus::Lost,
            _ => DisputeStatus::WarningClosed,
        };
        dispute::close(transaction, dispute, status)
    })
    .await
}

/// The bank makes a chargeback of an inquiry.
pub(super) async fn escalate_dispute(Path(id): Path<String>, call: Call) -> Response {
    call.write(|transaction, params| {
        params.finish()?;
        let dispute = transaction.dispute(&id)?;
        dispute::escalate(transaction, dispute)
    })
    .await
}

/// What time it is in the sandbox, and how far that is ahead of the machine's.
pub(super) async fn clock(call: Call) -> Response {
    call.write(|transaction, params| {
        params.finish()?;
        Ok(json!({"now": transaction.now, "ahead": transaction.ahead()}))
    })
    .await
}

/// Moves the sandbox's time; what is due by then happens before this is answered.
pub(super) async fn advance(call: Call) -> Response {
    let sandbox = Arc::clone(call.sandbox());
    let response = call
        .write(|transaction, params| {
            let seconds = required("seconds", params.integer("seconds")?)?;
            params.finish()?;
            if !(0..=LONGEST_STEP).contains(&seconds) {
                let why = "This value must be between 0 and 315360000: time goes forward.";
                return Err(ApiError::invalid("seconds", why));
            }
            let ahead = transaction.advance(seconds);
            Ok(json!({"now": transaction.now + seconds, "ahead": ahead}))
        })
        .await;
    sandbox.settle();
    response
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
    .await
}

/// Delivers now what waits; with `event`, that one too, even if it was taken before.
pub(super) async fn redeliver(call: Call) -> Response {
    let sandbox = Arc::clone(call.sandbox());
    let response = call
        .write(|transaction, params| {
            let event = params.word("event")?;
            params.finish()?;
            if let Some(id) = &event {
                transaction.redeliver(id)?;
            }
            Ok(json!({"event": event}))
        })
        .await;
    if response.status().is_success() {
        sandbox.hurry_webhooks();
    }
    response
}
