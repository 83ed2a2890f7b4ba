//! Reading a payment anew from the provider, without an event that told us to: what a lost webhook would have said
//! is found here.

use std::time::Duration;

use runtime::context;
use types::OrderId;

use super::observe::Seen;
use super::observing::{By, Observation};
use super::settle::payment_of;
use crate::AppState;
use crate::domain::{IntentState, Payment};
use crate::error::PaymentError;
use crate::store::payments;
use crate::stripe::{Refund, StripeError};

/// Takes in how the order's intent and its refunds stand over there. Returns whether that was news.
#[tracing::instrument(name = "payment.refresh", skip_all, fields(order.id = %order))]
pub async fn refresh(app: &AppState, order: OrderId) -> Result<bool, PaymentError> {
    let Some(before) = payment_of(app, order).await? else {
        return Ok(false);
    };
    let seen = read(app, &before).await?;
    let observation = Observation {
        order,
        seen,
        by: By::Look,
        context: context::current(),
    };
    let after = app.observing.ask(observation).await?;
    app.relay.nudge();
    let news = after.status != before.status;
    if news {
        tracing::info!(order.id = %order, from = before.status.name(), to = after.status.name(), "found by reading");
    }
    Ok(news)
}

/// How long what is known of an open payment is fresh enough for whoever asks.
const FRESH: Duration = Duration::from_secs(3);
/// How long they wait for the provider.
const PATIENCE: Duration = Duration::from_secs(2);

/// The payment for somebody who looks at it, perhaps just back from paying: an open one is read anew, though not more
/// often than every few seconds, and shown as it was if the provider does not answer.
pub async fn glance(app: &AppState, payment: Payment) -> Result<Payment, PaymentError> {
    let order = payment.order_id;
    if !payment.status.is_open() || payment.intent_id.is_none() {
        return Ok(payment);
    }
    if !payments::look_at(&app.db, order, app.clock.now(), FRESH).await? {
        return Ok(payment);
    }
    match tokio::time::timeout(PATIENCE, refresh(app, order)).await {
        Ok(Ok(_)) => Ok(payment_of(app, order).await?.unwrap_or(payment)),
        Ok(Err(error)) => {
            tracing::warn!(order.id = %order, %error, "a payment is shown as it was");
            Ok(payment)
        }
        Err(_elapsed) => Ok(payment),
    }
}

/// The intent, and its refunds where money had arrived.
pub(crate) async fn read(app: &AppState, payment: &Payment) -> Result<Vec<Seen>, PaymentError> {
    let Some(intent_id) = &payment.intent_id else {
        return Ok(Vec::new());
    };
    let intent = app
        .stripe
        .retrieve_intent(intent_id)
        .await
        .map_err(unread)?
        .seen();
    let paid = matches!(intent.state, IntentState::Succeeded { .. });
    let mut seen = vec![Seen::Intent(intent)];
    if paid {
        seen.push(read_refunds(app, intent_id).await?);
    }
    Ok(seen)
}

/// All refunds of an intent.
pub(crate) async fn read_refunds(app: &AppState, intent_id: &str) -> Result<Seen, PaymentError> {
    let refunds = app.stripe.refunds_of(intent_id).await.map_err(unread)?;
    Ok(Seen::Refunds(refunds.iter().map(Refund::seen).collect()))
}

/// What could not be read says nothing, however clear the no was.
pub(crate) fn unread(error: StripeError) -> PaymentError {
    PaymentError::Provider(match error {
        StripeError::Unknown(cause) => cause,
        StripeError::Refused(declined) => {
            tracing::warn!(%declined, "the provider has not got what we look for");
            crate::stripe::Cause::Status(declined.status)
        }
    })
}
