//! payment-service: one payment an order, and the events that tell of it. A customer pays when a test says so.

mod rpc;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use tonic::{Response, Status};
use types::{OrderId, PaymentId};
use wire::events::{self, PaymentFailed, PaymentMismatched, PaymentRefunded, PaymentSucceeded};
use wire::rpc::events::Event;
use wire::rpc::payments::payments_server::PaymentsServer;

use super::road::Road;

#[derive(Clone, Debug, Default)]
struct Payment {
    intent: Option<String>,
    minor: i64,
    currency: String,
    cancelled: bool,
    captured: i64,
    refunds: BTreeMap<String, i64>,
}

#[derive(Default)]
struct Till {
    payments: BTreeMap<i64, Payment>,
    changes: Vec<(i64, &'static str)>,
    /// Told to nobody yet, in order.
    events: VecDeque<Event>,
    sequence: i64,
}

/// The double. Its clones are one service.
#[derive(Clone, Default)]
pub struct Money {
    till: Arc<Mutex<Till>>,
    pub road: Road,
}

impl Money {
    pub fn router(&self) -> Router {
        tonic::service::Routes::new(PaymentsServer::new(self.clone())).into_axum_router()
    }

    /// The customer pays what is asked; false if there is nothing that can be paid.
    pub fn pay(&self, order: i64) -> bool {
        let asked = self.till().payments.get(&order).map(|p| p.minor);
        asked.is_some_and(|minor| self.pay_other(order, minor, "USD"))
    }

    /// Another amount arrives than perhaps was asked for.
    pub fn pay_other(&self, order: i64, minor: i64, currency: &str) -> bool {
        let mut till = self.till();
        let Some(payment) = till.payments.get_mut(&order) else {
            return false;
        };
        if payment.intent.is_none() || payment.cancelled || payment.captured > 0 {
            return false;
        }
        payment.captured = minor;
        let right = payment.minor == minor && payment.currency == currency;
        till.changes.push((order, "captured"));
        let (order_id, payment_id) = ids(order);
        let (amount_minor, currency) = (minor, currency.to_owned());
        match right {
            true => till.tell(PaymentSucceeded {
                order_id,
                payment_id,
                amount_minor,
                currency,
            }),
            false => till.tell(PaymentMismatched {
                order_id,
                payment_id,
                amount_minor,
                currency,
            }),
        }
        true
    }

    /// A card is declined; another may follow.
    pub fn decline(&self, order: i64) {
        let (order_id, payment_id) = ids(order);
        let reason = "card_declined".to_owned();
        self.till().tell(PaymentFailed {
            order_id,
            payment_id,
            reason,
        });
    }

    /// An admin sends `minor` back.
    pub fn refund(&self, order: i64, minor: i64) {
        let mut till = self.till();
        let key = format!("by hand {}", till.sequence);
        till.refund(order, key, minor);
    }

    /// How the order's payment stands: `none`, `tombstone`, `open`, `cancelled`, `captured`, `partly refunded`,
    /// `refunded`.
    pub fn state(&self, order: i64) -> &'static str {
        let till = self.till();
        let Some(payment) = till.payments.get(&order) else {
            return "none";
        };
        match (payment.captured, payment.back()) {
            (0, _) if payment.intent.is_none() => "tombstone",
            (0, _) if payment.cancelled => "cancelled",
            (0, _) => "open",
            (_, 0) => "captured",
            (captured, back) if captured == back => "refunded",
            _ => "partly refunded",
        }
    }

    /// What was really done for the order, repetitions left out.
    pub fn changes(&self, order: i64) -> Vec<&'static str> {
        let till = self.till();
        let of = till.changes.iter().filter(|(id, _)| *id == order);
        of.map(|(_, change)| *change).collect()
    }

    /// What the order's intent is for, in minor units.
    pub fn asked(&self, order: i64) -> i64 {
        self.till().payments[&order].minor
    }

    /// The oldest event that nobody was told.
    pub fn next_event(&self) -> Option<Event> {
        self.till().events.pop_front()
    }

    /// An event by a name that order-service does not know, or one that a test makes up.
    pub fn tell(&self, event: impl events::Event) {
        self.till().tell(event);
    }

    fn till(&self) -> MutexGuard<'_, Till> {
        self.till.lock().unwrap()
    }

    async fn done<T: Send>(
        &self,
        call: &'static str,
        order: i64,
        work: impl Fn(&mut Till) -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let money = self.clone();
        self.road.pass(call, order, move || work(&mut money.till())).await
    }
}

impl Payment {
    fn back(&self) -> i64 {
        self.refunds.values().sum()
    }
}

impl Till {
    fn tell<E: events::Event>(&mut self, event: E) {
        self.sequence += 1;
        self.events.push_back(Event {
            id: uuid::Uuid::now_v7().to_string(),
            r#type: E::TYPE.to_owned(),
            aggregate: "payment".to_owned(),
            aggregate_id: 1,
            sequence: self.sequence,
            occurred_at: "2030-01-01T12:00:00Z".to_owned(),
            payload: serde_json::to_vec(&event).unwrap(),
            ..Event::default()
        });
    }

    fn refund(&mut self, order: i64, key: String, minor: i64) {
        let payment = self.payments.get_mut(&order).unwrap();
        payment.refunds.insert(key, minor);
        let (refunded_minor, captured_minor) = (payment.back(), payment.captured);
        assert!(refunded_minor <= captured_minor, "more went back than came");
        self.changes.push((order, "refunded"));
        let (order_id, payment_id) = ids(order);
        self.tell(PaymentRefunded {
            order_id,
            payment_id,
            refunded_minor,
            captured_minor,
        });
    }
}

fn ids(order: i64) -> (OrderId, PaymentId) {
    (OrderId::new(order).unwrap(), PaymentId::new(order).unwrap())
}
