//! Everything the sandbox knows, in memory.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::idempotency::{Answer, Keys};
use crate::objects::{BalanceTransaction, Charge, Dispute, Event, PaymentIntent, PaymentMethod, Refund};
use crate::timers::{Due, Timers};
use crate::webhooks::Queue;

/// How long events are kept, in seconds.
pub(crate) const EVENTS_KEPT: i64 = 30 * 24 * 60 * 60;

/// What one request changed: a line of the journal.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) intents: Vec<PaymentIntent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) charges: Vec<Charge>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) refunds: Vec<Refund>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) disputes: Vec<Dispute>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) balance: Vec<BalanceTransaction>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) methods: Vec<PaymentMethod>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) events: Vec<Event>,
    /// Events to be delivered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) queued: Vec<String>,
    /// Events that are delivered, or given up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) settled: Vec<String>,
    /// How far time is ahead of the machine's, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ahead: Option<i64>,
    /// The outcome to be given again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Answer>,
}

impl Record {
    /// Whether nothing was changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.intents.is_empty()
            && self.charges.is_empty()
            && self.refunds.is_empty()
            && self.disputes.is_empty()
            && self.balance.is_empty()
            && self.methods.is_empty()
            && self.events.is_empty()
            && self.queued.is_empty()
            && self.settled.is_empty()
            && self.ahead.is_none()
            && self.answer.is_none()
    }
}

/// What is kept in a table.
pub(crate) trait Row {
    /// What Stripe calls it in errors.
    const NOUN: &'static str;
    /// Its id.
    fn id(&self) -> &str;
    /// When it was made, in seconds.
    fn created(&self) -> i64;
}

macro_rules! row {
    ($type:ty, $noun:literal) => {
        impl Row for $type {
            const NOUN: &'static str = $noun;
            fn id(&self) -> &str {
                &self.id
            }
            fn created(&self) -> i64 {
                self.created
            }
        }
    };
}

row!(PaymentIntent, "payment_intent");
row!(Charge, "charge");
row!(Refund, "refund");
row!(Dispute, "dispute");
row!(BalanceTransaction, "balance transaction");
row!(PaymentMethod, "PaymentMethod");
row!(Event, "event");

/// Rows in the order they were made, found by id.
#[derive(Debug)]
pub(crate) struct Table<T> {
    rows: Vec<T>,
    at: HashMap<String, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            at: HashMap::new(),
        }
    }
}

impl<T: Row> Table<T> {
    /// The row called `id`.
    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.rows.get(self.position(id)?)
    }

    /// Where the row called `id` stands.
    pub(crate) fn position(&self, id: &str) -> Option<usize> {
        self.at.get(id).copied()
    }

    /// The row at `position`.
    pub(crate) fn at(&self, position: usize) -> Option<&T> {
        self.rows.get(position)
    }

    /// All, oldest first.
    pub(crate) fn rows(&self) -> &[T] {
        &self.rows
    }

    fn put(&mut self, row: T) {
        if let Some(old) = self.position(row.id()).and_then(|at| self.rows.get_mut(at)) {
            *old = row;
            return;
        }
        self.at.insert(row.id().to_owned(), self.rows.len());
        self.rows.push(row);
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) intents: Table<PaymentIntent>,
    pub(crate) charges: Table<Charge>,
    pub(crate) refunds: Table<Refund>,
    pub(crate) disputes: Table<Dispute>,
    pub(crate) balance: Table<BalanceTransaction>,
    pub(crate) methods: Table<PaymentMethod>,
    pub(crate) events: Table<Event>,
    pub(crate) keys: Keys,
    pub(crate) queue: Queue,
    pub(crate) timers: Timers,
    /// How far time is ahead of the machine's, in seconds.
    pub(crate) ahead: i64,
}

impl State {
    /// Takes in what a request changed.
    pub(crate) fn apply(&mut self, record: Record) {
        record.intents.into_iter().for_each(|row| self.intents.put(row));
        for row in record.charges {
            self.timers.set(Due::Charge(row.id.clone()), row.disputes_at);
            self.charges.put(row);
        }
        for row in record.refunds {
            let at = row.settles.map(|(at, _)| at);
            self.timers.set(Due::Refund(row.id.clone()), at);
            self.refunds.put(row);
        }
        for row in record.disputes {
            self.timers.set(Due::Dispute(row.id.clone()), row.acts_at());
            self.disputes.put(row);
        }
        record.balance.into_iter().for_each(|row| self.balance.put(row));
        record.methods.into_iter().for_each(|row| self.methods.put(row));
        record.events.into_iter().for_each(|row| self.events.put(row));
        // What was taken and is asked for again is in both.
        for position in record.settled.iter().filter_map(|id| self.events.position(id)) {
            self.queue.settle(position);
        }
        for position in record.queued.iter().filter_map(|id| self.events.position(id)) {
            self.queue.push(position);
        }
        if let Some(ahead) = record.ahead {
            let moved = u64::try_from(ahead - self.ahead).unwrap_or_default();
            self.queue.hasten(Duration::from_secs(moved));
            self.ahead = ahead;
        }
        if let Some(answer) = record.answer {
            self.keys.keep(answer);
        }
    }

    /// The object called `id`, as the wire shows it.
    pub(crate) fn object(&self, id: &str) -> Option<Value> {
        let (kind, _) = id.split_once('_')?;
        match kind {
            "pi" => self.intents.get(id).map(PaymentIntent::render),
            "ch" => self.charges.get(id).map(Charge::render),
            "re" => self.refunds.get(id).map(Refund::render),
            "du" => self.disputes.get(id).map(Dispute::render),
            "txn" => self.balance.get(id).map(BalanceTransaction::render),
            "pm" => self.methods.get(id).map(PaymentMethod::render),
            _ => None,
        }
    }

    /// Gives `each` the records that make this state anew; what is out of date at `now`, by the machine's
    /// clock, is left out.
    pub(crate) fn dump<E>(&self, now: i64, each: &mut dyn FnMut(&Record) -> Result<(), E>) -> Result<(), E> {
        /// Rows to a line: few enough to read by eye, enough to be fast.
        const ROWS: usize = 50;
        let now = now.saturating_add(self.ahead);
        if self.ahead != 0 {
            each(&Record {
                ahead: Some(self.ahead),
                ..Record::default()
            })?;
        }
        for rows in self.methods.rows().chunks(ROWS) {
            each(&Record {
                methods: rows.to_vec(),
                ..Record::default()
            })?;
        }
        for rows in self.intents.rows().chunks(ROWS) {
            each(&Record {
                intents: rows.to_vec(),
                ..Record::default()
            })?;
        }
        for rows in self.charges.rows().chunks(ROWS) {
            each(&Record {
                charges: rows.to_vec(),
                ..Record::default()
            })?;
        }
        for rows in self.refunds.rows().chunks(ROWS) {
            each(&Record {
                refunds: rows.to_vec(),
                ..Record::default()
            })?;
        }
        for rows in self.disputes.rows().chunks(ROWS) {
            each(&Record {
                disputes: rows.to_vec(),
                ..Record::default()
            })?;
        }
        for rows in self.balance.rows().chunks(ROWS) {
            each(&Record {
                balance: rows.to_vec(),
                ..Record::default()
            })?;
        }
        for (first, rows) in self.events.rows().chunks(ROWS).enumerate() {
            let mut record = Record::default();
            for (event, position) in rows.iter().zip(first * ROWS..) {
                let queued = self.queue.holds(position);
                if queued {
                    record.queued.push(event.id.clone());
                }
                if queued || now - event.created < EVENTS_KEPT {
                    record.events.push(event.clone());
                }
            }
            if !record.is_empty() {
                each(&record)?;
            }
        }
        for answer in self.keys.kept(now) {
            each(&Record {
                answer: Some(answer.clone()),
                ..Record::default()
            })?;
        }
        Ok(())
    }
}
