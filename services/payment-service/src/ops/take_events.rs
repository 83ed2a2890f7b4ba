//! What a stored webhook means. An event is a hint that something happened: what cannot change any more is taken from
//! it, everything else is read anew, since events come late and in any order (PAY-10).

use std::collections::{HashMap, HashSet};
use std::pin::pin;

use futures::stream::{self, StreamExt as _};
use pg::fold;
use serde::de::DeserializeOwned;
use types::OrderId;

use super::observe::Seen;
use super::observing::{By, Observation, Observing};
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

/// Events about which the provider is asked side by side.
const SIDE_BY_SIDE: usize = 16;
/// The payments that a batch of events is about, by their intents.
type Known = HashMap<String, Payment>;

/// Takes events in, each once: its effect and the mark on its row share a transaction (PAY-8), which all of them share. The
/// answers are in the order of the events; what keeps one from being taken in does not keep the others.
///
/// An error of one: it is about an intent that is not in our books yet, or something does not answer. To be tried again.
#[tracing::instrument(name = "payment.take_events", skip_all, fields(events = events.len()))]
pub async fn take_events(app: &AppState, events: &[Stored]) -> Vec<Answer> {
    let subjects: Vec<_> = events.iter().map(subject).collect();
    let known = known(app, subjects.iter().flatten()).await;
    let mut answers: Vec<_> = events.iter().map(|_| Ok(())).collect();
    let mut tries = Vec::with_capacity(events.len());
    for (place, (stored, subject)) in events.iter().zip(subjects).enumerate() {
        let understood = understand(app, stored, subject, &known);
        tries.push(async move { (place, understood.await) });
    }
    let understood = stream::iter(tries)
        .buffer_unordered(SIDE_BY_SIDE)
        // What nobody has to be asked about does not wait for the rest.
        .ready_chunks(events.len().max(1));
    let mut understood = pin!(understood);
    while let Some(chunk) = understood.next().await {
        let mut waiting = Vec::new();
        for (place, understood) in chunk {
            match understood {
                Ok(Some(observation)) => waiting.push((place, observation)),
                Ok(None) => {}
                Err(error) => answer(&mut answers, place, Err(error)),
            }
        }
        take_in(app, waiting, &mut answers).await;
    }
    answers
}

type Answer = Result<(), PaymentError>;

fn answer(answers: &mut [Answer], place: usize, answer: Answer) {
    if let Some(slot) = answers.get_mut(place) {
        *slot = answer;
    }
}

/// Takes in what is understood, with the places of its answers.
async fn take_in(app: &AppState, mut waiting: Vec<(usize, Observation)>, answers: &mut [Answer]) {
    let observing = Observing::of(app);
    while !waiting.is_empty() {
        // Of two about one order the second waits.
        let mut orders = HashSet::new();
        let (now, later): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|(_, observation)| orders.insert(observation.order));
        waiting = later;
        let (places, now): (Vec<usize>, Vec<Observation>) = now.into_iter().unzip();
        for (place, taken) in places.into_iter().zip(fold::all(&observing, &now).await) {
            answer(
                answers,
                place,
                taken.map(|payment| app.nudge_operations(&payment)),
            );
        }
        app.relay.nudge();
    }
}

/// The payments of the intents that the subjects name, in one statement.
async fn known<'a>(app: &AppState, subjects: impl Iterator<Item = &'a Subject>) -> Known {
    let intents: Vec<&str> = subjects.filter_map(Subject::intent_id).collect();
    match of_intents(app, &intents).await {
        Ok(known) => known,
        Err(error) => {
            // Then each is looked for alone, and may have an error of its own.
            tracing::debug!(%error, "the payments of a batch of events could not be read");
            Known::new()
        }
    }
}

async fn of_intents(app: &AppState, intents: &[&str]) -> Result<Known, PaymentError> {
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    payments::of_intents(&mut conn, intents).await
}

/// What there is to take in. `None` if the event was only kept.
#[tracing::instrument(name = "payment.understand", skip_all, fields(event.type = stored.kind, event.id = stored.event_id))]
async fn understand(
    app: &AppState,
    stored: &Stored,
    subject: Result<Subject, PaymentError>,
    known: &Known,
) -> Result<Option<Observation>, PaymentError> {
    let subject = subject?;
    let payment = match (&subject, subject.intent_id()) {
        (Subject::Other, _) => {
            let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
            webhooks::finish_all(&mut conn, &[stored.id]).await?;
            return Ok(None);
        }
        (_, Some(intent_id)) => payment_of_intent(app, intent_id, &subject, known).await?,
        (Subject::Refund(refund), None) => payment_of_refund(app, refund).await?,
        (Subject::Intent(_) | Subject::Refunded(_) | Subject::Dispute(_), None) => {
            return Err(PaymentError::Unknown(format!(
                "{}, without an intent",
                stored.kind
            )));
        }
    };
    let seen = match subject {
        Subject::Intent(intent) => about_intent(app, &payment, &intent).await?,
        Subject::Refund(refund) => about_refund(app, &payment, &refund).await?,
        Subject::Refunded(charge) => {
            let mut seen = intent_first(app, &payment).await?;
            let intent_id = charge.payment_intent.unwrap_or_default();
            seen.push(read_refunds(app, &intent_id).await?);
            seen
        }
        Subject::Dispute(dispute) => vec![Seen::Dispute(dispute.seen())],
        Subject::Other => Vec::new(),
    };
    Ok(Some(Observation {
        order: payment.order_id,
        seen,
        by: By::Event(stored.id),
        context: None,
    }))
}

impl Subject {
    /// The intent that it is about, if it says so.
    fn intent_id(&self) -> Option<&str> {
        match self {
            Self::Intent(intent) => Some(&intent.id),
            Self::Refund(refund) => refund.payment_intent.as_deref(),
            Self::Refunded(charge) => charge.payment_intent.as_deref(),
            Self::Dispute(dispute) => dispute.payment_intent.as_deref(),
            Self::Other => None,
        }
    }
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
    subject: &Subject,
    known: &Known,
) -> Result<Payment, PaymentError> {
    if let Some(payment) = known.get(intent_id) {
        return Ok(payment.clone());
    }
    // It may have come meanwhile.
    if let Some(payment) = of_intents(app, &[intent_id]).await?.remove(intent_id) {
        return Ok(payment);
    }
    if let Subject::Intent(intent) = subject
        && let Some(order) = intent.order_id()
        && let Some(payment) = payment_of(app, order).await?
        && payment.intent_id.is_none()
        && payment.user_id.is_some()
        && intent.metadata.get("payment_id") == Some(&payment.id.to_string())
    {
        return Ok(payment);
    }
    Err(PaymentError::Unknown(format!("intent {intent_id}")))
}

/// The payment of a refund that does not name its intent.
async fn payment_of_refund(app: &AppState, refund: &Refund) -> Result<Payment, PaymentError> {
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
