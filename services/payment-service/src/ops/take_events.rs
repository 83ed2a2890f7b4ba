//! What a stored webhook means. An event is a hint that something happened: what cannot change any more is taken from
//! it, everything else is read anew, since events come late and in any order (PAY-10).

use serde::de::DeserializeOwned;
use types::OrderId;

use super::observe::{Seen, observe};
use super::refresh::{read, read_refunds, unread};
use super::settle::payment_of;
use crate::AppState;
use crate::domain::{IntentState, Payment, RefundStatus};
use crate::error::PaymentError;
use crate::store::webhooks::{self, Stored};
use crate::store::{fault, payments, refunds};
use crate::stripe::{Charge, Dispute, Event, Intent, Refund};

/// What an event is about, as far as it concerns us.
enum Subject {
    Intent(Box<Intent>),
    Refund(Box<Refund>),
    /// A charge was refunded, perhaps in the provider's dashboard.
    Refunded(Charge),
    Dispute(Dispute),
    /// Kept, and nothing else.
    Other,
}

/// Whether events of this kind have to be worked off. Of a new intent nothing needs to be learnt: whoever made it has
/// written down that it is being made, and finds out.
#[must_use]
pub fn says_something(kind: &str) -> bool {
    let ours = ["payment_intent.", "refund.", "charge.refund", "charge.dispute."];
    kind != "payment_intent.created" && ours.iter().any(|prefix| kind.starts_with(prefix))
}

/// Takes the event in, once: its effect and the mark on its row share a transaction (PAY-8).
///
/// # Errors
/// It is about an intent that is not in our books yet, or something does not answer: to be tried again.
#[tracing::instrument(name = "payment.take_event", skip_all, fields(event.type = stored.kind, event.id = stored.event_id))]
pub async fn take_event(app: &AppState, stored: &Stored) -> Result<(), PaymentError> {
    let (order, seen) = match subject(stored)? {
        Subject::Other => (None, Vec::new()),
        Subject::Intent(intent) => {
            let payment = payment_of_intent(app, &intent.id, Some(&intent)).await?;
            (
                Some(payment.order_id),
                about_intent(app, &payment, &intent).await?,
            )
        }
        Subject::Refund(refund) => {
            let payment = payment_of_refund(app, &refund).await?;
            (
                Some(payment.order_id),
                about_refund(app, &payment, &refund).await?,
            )
        }
        Subject::Refunded(charge) => {
            let intent_id = known(charge.payment_intent, "a charge without an intent")?;
            let payment = payment_of_intent(app, &intent_id, None).await?;
            let mut seen = intent_first(app, &payment).await?;
            seen.push(read_refunds(app, &intent_id).await?);
            (Some(payment.order_id), seen)
        }
        Subject::Dispute(dispute) => {
            let intent_id = known(dispute.payment_intent.clone(), "a dispute without an intent")?;
            let payment = payment_of_intent(app, &intent_id, None).await?;
            (Some(payment.order_id), vec![Seen::Dispute(dispute.seen())])
        }
    };
    let mut tx = pg::begin(&app.db).await.map_err(fault("begin a transaction"))?;
    if !webhooks::finish(&mut tx, stored.id).await? {
        return Ok(());
    }
    let payment = match order {
        Some(order) => Some(observe(&mut tx, order, &seen, app.clock.now()).await?),
        None => None,
    };
    tx.commit().await.map_err(fault("commit the event's effect"))?;
    app.relay.nudge();
    payment.iter().for_each(|payment| app.nudge_operations(payment));
    Ok(())
}

fn subject(stored: &Stored) -> Result<Subject, PaymentError> {
    let kind = stored.kind.as_str();
    Ok(match kind {
        "charge.refunded" => Subject::Refunded(object(stored)?),
        "charge.refund.updated" => Subject::Refund(object(stored)?),
        _ if kind.starts_with("payment_intent.") => Subject::Intent(object(stored)?),
        _ if kind.starts_with("refund.") => Subject::Refund(object(stored)?),
        _ if kind.starts_with("charge.dispute.") => Subject::Dispute(object(stored)?),
        _ => Subject::Other,
    })
}

fn object<T: DeserializeOwned>(stored: &Stored) -> Result<T, PaymentError> {
    let event: Result<Event, _> = serde_json::from_str(&stored.payload);
    event
        .and_then(|event| serde_json::from_value(event.data.object))
        .map_err(|source| PaymentError::Unreadable {
            what: format!("the object of {} {}", stored.kind, stored.event_id),
            source,
        })
}

/// The payment of an intent. Where our own insert of the intent's id is still under way, or was lost, the order that
/// we wrote onto it tells (PAY-11).
async fn payment_of_intent(
    app: &AppState,
    intent_id: &str,
    intent: Option<&Intent>,
) -> Result<Payment, PaymentError> {
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    if let Some(order) = payments::order_of_intent(&mut conn, intent_id).await?
        && let Some(payment) = payments::find(&mut conn, order).await?
    {
        return Ok(payment);
    }
    if let Some(intent) = intent
        && let Some(order) = intent.order_id()
        && let Some(payment) = payments::find(&mut conn, order).await?
        && payment.intent_id.is_none()
        && payment.user_id.is_some()
        && intent.metadata.get("payment_id") == Some(&payment.id.to_string())
    {
        return Ok(payment);
    }
    Err(PaymentError::Unknown(format!("intent {intent_id}")))
}

async fn payment_of_refund(app: &AppState, refund: &Refund) -> Result<Payment, PaymentError> {
    if let Some(intent_id) = &refund.payment_intent {
        return payment_of_intent(app, intent_id, None).await;
    }
    let order: Option<OrderId> = match refund.refund_id() {
        None => None,
        Some(id) => {
            let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
            refunds::order_of(&mut conn, id).await?
        }
    };
    let payment = match order {
        None => None,
        Some(order) => payment_of(app, order).await?,
    };
    payment.ok_or_else(|| PaymentError::Unknown(format!("refund {}", refund.id)))
}

async fn about_intent(app: &AppState, payment: &Payment, intent: &Intent) -> Result<Vec<Seen>, PaymentError> {
    let seen = intent.seen();
    match seen.state {
        IntentState::Succeeded { .. } | IntentState::Cancelled => Ok(vec![Seen::Intent(seen)]),
        // Nothing that it says would change anything.
        _ if !payment.status.is_open() && payment.intent_id.is_some() => Ok(Vec::new()),
        IntentState::Open
        | IntentState::Failed(_)
        | IntentState::RequiresAction
        | IntentState::Processing => {
            let now = app.stripe.retrieve_intent(&intent.id).await.map_err(unread)?;
            Ok(vec![Seen::Intent(now.seen())])
        }
    }
}

async fn about_refund(app: &AppState, payment: &Payment, refund: &Refund) -> Result<Vec<Seen>, PaymentError> {
    let mut seen = intent_first(app, payment).await?;
    let mut refund = refund.seen();
    if matches!(
        refund.status,
        RefundStatus::Pending | RefundStatus::RequiresAction
    ) {
        refund = app
            .stripe
            .retrieve_refund(&refund.id)
            .await
            .map_err(unread)?
            .seen();
    }
    seen.push(Seen::Refunds(vec![refund]));
    Ok(seen)
}

/// A refund may be heard of before the money that it returns: then that is read first.
async fn intent_first(app: &AppState, payment: &Payment) -> Result<Vec<Seen>, PaymentError> {
    if payment.status.has_money() {
        return Ok(Vec::new());
    }
    let seen = read(app, payment).await?;
    match seen.first() {
        Some(Seen::Intent(intent)) if matches!(intent.state, IntentState::Succeeded { .. }) => Ok(seen),
        _ => Err(PaymentError::Unknown(format!(
            "a refund of order {}, which has no money",
            payment.order_id
        ))),
    }
}

fn known(intent_id: Option<String>, what: &str) -> Result<String, PaymentError> {
    intent_id.ok_or_else(|| PaymentError::Unknown(what.to_owned()))
}
