//! What a stored webhook means. An event is a hint that something happened: what cannot change any more is taken from
//! it, everything else is read anew, since events come late and in any order (PAY-10).

use std::collections::{HashMap, HashSet};
use std::pin::pin;

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use pg::fold;
use serde::de::DeserializeOwned;
use types::{OrderId, RefundId};

use super::event_types::About;
use super::observe::Seen;
use super::observing::{By, Observation, Observing};
use super::refresh::{read, read_refunds, unread};
use super::whose;
use crate::AppState;
use crate::domain::{IntentState, Payment, RefundStatus};
use crate::error::PaymentError;
use crate::store::webhooks::Stored;
use crate::store::{fault, payments, refunds};
use crate::stripe::{Charge, Dispute, Event, Intent, Refund};

/// What an event is about, as far as it concerns us.
enum Subject {
    Intent(Box<Intent>),
    Refund(Box<Refund>),
    /// A charge was refunded, perhaps in the provider's dashboard.
    Refunded(Charge),
    Dispute(Dispute),
}

/// Events about which the provider is asked side by side.
const SIDE_BY_SIDE: usize = 16;

/// An event that is to be understood.
struct Told<'a> {
    /// The place of its answer.
    place: usize,
    stored: &'a Stored,
    subject: Subject,
}

/// Takes events in, each once: its effect and the mark on its row share a transaction (PAY-8), which all of them share. The
/// answers are in the order of the events; what keeps one from being taken in does not keep the others.
///
/// An error of one: it is about an intent that is not in our books yet, or of a kind that is only kept, or something does not
/// answer. To be tried again.
#[tracing::instrument(name = "payment.take_events", skip_all, fields(events = events.len()))]
pub async fn take_events(app: &AppState, events: &[Stored]) -> Vec<Answer> {
    let mut answers: Vec<_> = events.iter().map(|_| Ok(())).collect();
    let mut told = Vec::new();
    for (place, stored) in events.iter().enumerate() {
        match subject(stored) {
            Ok(subject) => told.push(Told {
                place,
                stored,
                subject,
            }),
            Err(error) => answer(&mut answers, place, Err(error)),
        }
    }
    // Before the provider is asked: who waits for it while others are taken in must hold no connection.
    let known = known(app, &told).await;
    let mut tries = Vec::with_capacity(told.len());
    for (told, known) in told.into_iter().zip(known) {
        tries.push(async move { (told.place, understand(app, told, known).await) });
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
                Ok(observation) => waiting.push((place, observation)),
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

/// The payment that each event is about, if it is in our books. All are looked for in one statement; if that fails, each is
/// looked for alone, and may have an error of its own.
async fn known(app: &AppState, told: &[Told<'_>]) -> Vec<Result<Option<Payment>, PaymentError>> {
    match look(app, told).await {
        Ok(found) => found.into_iter().map(Ok).collect(),
        Err(error) => {
            tracing::debug!(%error, "the payments of a batch of events could not be read");
            join_all(told.iter().map(|one| look_alone(app, one))).await
        }
    }
}

async fn look_alone(app: &AppState, told: &Told<'_>) -> Result<Option<Payment>, PaymentError> {
    let found = look(app, std::slice::from_ref(told)).await?;
    Ok(found.into_iter().next().flatten())
}

async fn look(app: &AppState, told: &[Told<'_>]) -> Result<Vec<Option<Payment>>, PaymentError> {
    let mut conn = app.db.acquire().await.map_err(fault("reach the database"))?;
    let subjects = || told.iter().map(|told| &told.subject);
    let ours: Vec<RefundId> = subjects().filter_map(Subject::only_refund).collect();
    let returns = refunds::orders_of(&mut conn, &ours).await?;
    let intents: Vec<&str> = subjects().filter_map(Subject::intent_id).collect();
    let mut orders: Vec<OrderId> = subjects().filter_map(Subject::order).collect();
    orders.extend(returns.values());
    let payments = payments::of(&mut conn, &intents, &orders).await?;
    let payment = |subject: &Subject| subject.payment(&payments, &returns).cloned();
    Ok(subjects().map(payment).collect())
}

/// What there is to take in.
#[tracing::instrument(name = "payment.understand", skip_all, fields(event.type = told.stored.kind, event.id = told.stored.event_id))]
async fn understand(
    app: &AppState,
    told: Told<'_>,
    known: Result<Option<Payment>, PaymentError>,
) -> Result<Observation, PaymentError> {
    let Told { stored, subject, .. } = told;
    let payment = known?.ok_or_else(|| PaymentError::Unknown(subject.name()))?;
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
    };
    Ok(Observation {
        order: payment.order_id,
        seen,
        by: By::Event(stored.id),
        context: None,
    })
}

impl Subject {
    /// The intent that it is about, if it says so.
    fn intent_id(&self) -> Option<&str> {
        match self {
            Self::Intent(intent) => Some(&intent.id),
            Self::Refund(refund) => refund.payment_intent.as_deref(),
            Self::Refunded(charge) => charge.payment_intent.as_deref(),
            Self::Dispute(dispute) => dispute.payment_intent.as_deref(),
        }
    }

    /// The order that an intent says it is for.
    fn order(&self) -> Option<OrderId> {
        match self {
            Self::Intent(intent) => intent.order_id(),
            Self::Refund(_) | Self::Refunded(_) | Self::Dispute(_) => None,
        }
    }

    /// Our refund, where that is all it says.
    fn only_refund(&self) -> Option<RefundId> {
        match self {
            Self::Refund(refund) if refund.payment_intent.is_none() => refund.refund_id(),
            Self::Intent(_) | Self::Refund(_) | Self::Refunded(_) | Self::Dispute(_) => None,
        }
    }

    /// The one of `payments` that it is about; `returns` says whose money refunds return.
    fn payment<'p>(
        &self,
        payments: &'p [Payment],
        returns: &HashMap<RefundId, OrderId>,
    ) -> Option<&'p Payment> {
        if let Self::Intent(intent) = self {
            return whose::of(payments, intent);
        }
        if let Some(intent_id) = self.intent_id() {
            return whose::has(payments, intent_id);
        }
        let order = returns.get(&self.only_refund()?)?;
        payments.iter().find(|p| p.order_id == *order)
    }

    /// What it is, for whoever looks why it is not in our books.
    fn name(&self) -> String {
        match (self, self.intent_id()) {
            (_, Some(intent_id)) => format!("intent {intent_id}"),
            (Self::Refund(refund), None) => format!("refund {}", refund.id),
            (Self::Intent(_) | Self::Refunded(_) | Self::Dispute(_), None) => {
                "a charge or dispute without an intent".to_owned()
            }
        }
    }
}

/// What the event is about.
fn subject(stored: &Stored) -> Result<Subject, PaymentError> {
    let about = About::of(&stored.kind);
    Ok(
        match about.ok_or_else(|| PaymentError::Unknown(format!("events of kind {}", stored.kind)))? {
            About::Intent => Subject::Intent(object(stored)?),
            About::Refund => Subject::Refund(object(stored)?),
            About::Refunded => Subject::Refunded(object(stored)?),
            About::Dispute => Subject::Dispute(object(stored)?),
        },
    )
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
