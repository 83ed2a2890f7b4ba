//! What one request reads and changes. Nothing is visible before it is committed.

use serde_json::Value;

use crate::config::Config;
use crate::error::ApiError;
use crate::objects::{
    BalanceTransaction, Cause, Charge, Dispute, Event, PaymentIntent, PaymentMethod, Refund, Snapshot,
};
use crate::state::{Record, Row, State};
use crate::{cards, id};

/// A request that runs.
pub(crate) struct Transaction<'a> {
    state: &'a State,
    /// When, in seconds.
    pub(crate) now: i64,
    cause: Cause,
    config: &'a Config,
    record: Record,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(state: &'a State, now: i64, cause: Cause, config: &'a Config) -> Self {
        Self {
            state,
            now,
            cause,
            config,
            record: Record::default(),
        }
    }

    pub(super) fn into_record(self) -> Record {
        self.record
    }

    /// How far the sandbox's time is ahead of the machine's, in seconds.
    pub(crate) fn ahead(&self) -> i64 {
        self.state.ahead
    }

    /// Moves time on, once this is committed; gives how far ahead it is then.
    pub(crate) fn advance(&mut self, seconds: i64) -> i64 {
        let ahead = self.state.ahead.saturating_add(seconds);
        self.record.ahead = Some(ahead);
        ahead
    }

    /// The intent that the URL names.
    pub(crate) fn intent(&self, id: &str) -> Result<PaymentIntent, ApiError> {
        let found = self.state.intents.get(id).cloned();
        found.ok_or_else(|| ApiError::missing(PaymentIntent::NOUN, "intent", id))
    }

    /// The intent that a parameter names.
    pub(crate) fn intent_of(&self, param: &str, id: &str) -> Result<PaymentIntent, ApiError> {
        let found = self.state.intents.get(id).cloned();
        found.ok_or_else(|| ApiError::no_such(PaymentIntent::NOUN, param, id))
    }

    /// The charge that a parameter names.
    pub(crate) fn charge_of(&self, param: &str, id: &str) -> Result<Charge, ApiError> {
        let found = self.state.charges.get(id).cloned();
        found.ok_or_else(|| ApiError::no_such(Charge::NOUN, param, id))
    }

    /// The refund that the URL names.
    pub(crate) fn refund(&self, id: &str) -> Result<Refund, ApiError> {
        let found = self.state.refunds.get(id).cloned();
        found.ok_or_else(|| ApiError::missing(Refund::NOUN, "id", id))
    }

    /// The object called `id`, as the wire shows it once this is committed.
    pub(crate) fn object(&self, id: &str) -> Option<Value> {
        fn last<T: Row>(rows: &[T], id: &str, render: impl Fn(&T) -> Value) -> Option<Value> {
            rows.iter().rfind(|row| row.id() == id).map(render)
        }
        let record = &self.record;
        last(&record.intents, id, PaymentIntent::render)
            .or_else(|| last(&record.charges, id, Charge::render))
            .or_else(|| last(&record.refunds, id, Refund::render))
            .or_else(|| last(&record.disputes, id, Dispute::render))
            .or_else(|| last(&record.balance, id, BalanceTransaction::render))
            .or_else(|| last(&record.methods, id, PaymentMethod::render))
            .or_else(|| self.state.object(id))
    }

    /// The dispute that the URL names.
    pub(crate) fn dispute(&self, id: &str) -> Result<Dispute, ApiError> {
        let found = self.state.disputes.get(id).cloned();
        found.ok_or_else(|| ApiError::missing(Dispute::NOUN, "dispute", id))
    }

    /// The last dispute of `charge`.
    pub(crate) fn dispute_of(&self, charge: &Charge) -> Option<&Dispute> {
        self.state.disputes.get(charge.dispute.as_deref()?)
    }

    /// The card behind `id`: a test card's name makes a payment method of its own, as at Stripe.
    pub(crate) fn payment_method(&mut self, id: &str) -> Result<PaymentMethod, ApiError> {
        if let Some(card) = cards::Card::named(id) {
            let method = PaymentMethod {
                id: id::random("pm"),
                created: self.now,
                card,
            };
            self.record.methods.push(method.clone());
            return Ok(method);
        }
        let found = self.state.methods.get(id).cloned();
        found.ok_or_else(|| ApiError::no_such(PaymentMethod::NOUN, "payment_method", id))
    }

    /// Queues the event called `id` again.
    pub(crate) fn redeliver(&mut self, id: &str) -> Result<(), ApiError> {
        if self.state.events.get(id).is_none() {
            return Err(ApiError::no_such(Event::NOUN, "event", id));
        }
        self.record.queued.push(id.to_owned());
        Ok(())
    }

    /// Keeps an intent as it is now, and says what happened to it.
    pub(crate) fn save_intent(&mut self, intent: &PaymentIntent, kinds: &[&str]) {
        for kind in kinds {
            self.emit(kind, Snapshot::PaymentIntent(intent.clone()));
        }
        self.record.intents.push(intent.clone());
    }

    /// Keeps a charge as it is now, and says what happened to it.
    pub(crate) fn save_charge(&mut self, charge: &Charge, kinds: &[&str]) {
        for kind in kinds {
            self.emit(kind, Snapshot::Charge(charge.clone()));
        }
        self.record.charges.push(charge.clone());
    }

    /// Keeps a refund as it is now, and says what happened to it.
    pub(crate) fn save_refund(&mut self, refund: &Refund, kinds: &[&str]) {
        for kind in kinds {
            self.emit(kind, Snapshot::Refund(refund.clone()));
        }
        self.record.refunds.push(refund.clone());
    }

    /// Keeps a dispute as it is now, and says what happened to it.
    pub(crate) fn save_dispute(&mut self, dispute: &Dispute, kinds: &[&str]) {
        for kind in kinds {
            self.emit(kind, Snapshot::Dispute(dispute.clone()));
        }
        self.record.disputes.push(dispute.clone());
    }

    /// Keeps a movement of the balance.
    pub(crate) fn save_balance(&mut self, moved: &BalanceTransaction) {
        self.record.balance.push(moved.clone());
    }

    fn emit(&mut self, kind: &str, object: Snapshot) {
        let event = Event {
            id: id::random("evt"),
            created: self.now,
            kind: kind.to_owned(),
            object,
            cause: self.cause.clone(),
        };
        if self.config.tells(kind) {
            self.record.queued.push(event.id.clone());
        }
        self.record.events.push(event);
    }
}
