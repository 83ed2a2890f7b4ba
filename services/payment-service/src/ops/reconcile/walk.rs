//! What the provider has, page by page, held against ours. A page is read before our rows are, so that ours may be
//! ahead of it: before anything is taken in or named, the object is read anew unless it cannot change any more.

use std::collections::HashMap;

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use types::OrderId;

use super::super::observe::Seen;
use super::super::refresh::unread;
use super::super::whose;
use super::{Run, Stranger};
use crate::domain::drift::{Drift, Finding, Kind, at_stake, of_intent, of_refund};
use crate::domain::{IntentSeen, IntentState, Payment, RefundStatus};
use crate::error::PaymentError;
use crate::store::{fault, payments, reconciliations};
use crate::stripe::{Intent, Refund};

/// Our payments by their intents.
pub(super) type ByIntent = HashMap<String, Payment>;

impl Run<'_> {
    pub(super) async fn intents(&mut self) -> Result<(), PaymentError> {
        let mut after = None;
        loop {
            let page = self.desk.stripe.list_intents(self.since, after.as_deref()).await;
            let page = page.map_err(unread)?;
            let ours = self.ours(&page.data).await?;
            for intent in &page.data {
                self.count(Kind::Intent, &intent.id);
                self.intent(intent, whose::of(&ours, intent)).await?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    pub(super) async fn connect(&self) -> Result<PoolConnection<Postgres>, PaymentError> {
        self.desk.db.acquire().await.map_err(fault("reach the database"))
    }

    pub(super) async fn ours(&self, intents: &[Intent]) -> Result<Vec<Payment>, PaymentError> {
        let ids: Vec<&str> = intents.iter().map(|i| i.id.as_str()).collect();
        let orders: Vec<OrderId> = intents.iter().filter_map(Intent::order_id).collect();
        let mut conn = self.connect().await?;
        payments::of(&mut conn, &ids, &orders).await
    }

    pub(super) async fn intent(
        &mut self,
        intent: &Intent,
        payment: Option<&Payment>,
    ) -> Result<(), PaymentError> {
        let seen = intent.seen();
        let Some(payment) = payment else {
            self.strangers.insert(intent.id.clone(), stranger(intent, &seen));
            return Ok(());
        };
        if of_intent(payment, &seen).is_none() {
            return Ok(());
        }
        let seen = self.intent_now(seen).await?;
        let Some(drift) = of_intent(payment, &seen) else {
            return Ok(());
        };
        let (what, repaired) = match drift {
            Drift::Contradiction(what) => (what, false),
            Drift::Lost(what) => {
                let taken = vec![Seen::Intent(seen.clone())];
                match self.take_in(payment.order_id, taken).await? {
                    Ok(after) => (what, of_intent(&after, &seen).is_none()),
                    Err(why) => (format!("{what}; {why}"), false),
                }
            }
        };
        self.findings.push(Finding {
            kind: Kind::Intent,
            object_id: intent.id.clone(),
            order: Some(payment.order_id),
            what,
            minor: at_stake(payment, &seen),
            currency: intent.currency.to_ascii_uppercase(),
            repaired,
        });
        Ok(())
    }

    async fn intent_now(&self, seen: IntentSeen) -> Result<IntentSeen, PaymentError> {
        match seen.state {
            IntentState::Succeeded { .. } | IntentState::Cancelled => Ok(seen),
            IntentState::Open
            | IntentState::Failed(_)
            | IntentState::RequiresAction
            | IntentState::Processing => {
                let now = self.desk.stripe.retrieve_intent(&seen.id).await.map_err(unread)?;
                Ok(now.seen())
            }
        }
    }

    pub(super) async fn refunds(&mut self) -> Result<(), PaymentError> {
        let mut after = None;
        loop {
            let page = self.desk.stripe.list_refunds(self.since, after.as_deref()).await;
            let page = page.map_err(unread)?;
            page.data.iter().for_each(|r| self.count(Kind::Refund, &r.id));
            self.listed_refunds(&page.data).await?;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Holds refunds that the provider has against ours.
    pub(super) async fn listed_refunds(&mut self, refunds: &[Refund]) -> Result<(), PaymentError> {
        let payments = self.by_intent(refunds.iter().map(|r| &r.payment_intent)).await?;
        let ids: Vec<String> = refunds.iter().map(|r| r.id.clone()).collect();
        let mut conn = self.connect().await?;
        let known = reconciliations::refunds(&mut conn, &ids).await?;
        drop(conn);
        for refund in refunds {
            let known = known.iter().find(|r| r.provider_id.as_ref() == Some(&refund.id));
            let payment = refund.payment_intent.as_ref().and_then(|id| payments.get(id));
            match payment {
                Some(payment) => self.refund(refund, payment, known).await?,
                None => self.foreign_refund(refund),
            }
        }
        Ok(())
    }

    async fn refund(
        &mut self,
        refund: &Refund,
        payment: &Payment,
        known: Option<&crate::domain::Refund>,
    ) -> Result<(), PaymentError> {
        if of_refund(known, &refund.seen()).is_none() {
            return Ok(());
        }
        let now = self.desk.stripe.retrieve_refund(&refund.id).await;
        let seen = now.map_err(unread)?.seen();
        let Some(drift) = of_refund(known, &seen) else {
            return Ok(());
        };
        let elsewhere = known.is_some_and(|known| known.payment_id != payment.id);
        let (what, repaired) = match drift {
            Drift::Lost(what) if !elsewhere => {
                let mut all = self.money_first(payment).await?;
                all.push(Seen::Refunds(vec![seen.clone()]));
                match self.take_in(payment.order_id, all).await? {
                    Ok(_) => (what, true),
                    Err(why) => (format!("{what}; {why}"), false),
                }
            }
            Drift::Lost(what) | Drift::Contradiction(what) => (what, false),
        };
        self.findings.push(Finding {
            kind: Kind::Refund,
            object_id: refund.id.clone(),
            order: Some(payment.order_id),
            what,
            minor: seen.amount_minor,
            currency: refund.currency.to_ascii_uppercase(),
            repaired,
        });
        Ok(())
    }

    /// A refund of an intent that is not ours: it takes from what that has.
    fn foreign_refund(&mut self, refund: &Refund) {
        let seen = refund.seen();
        let intent = refund.payment_intent.as_ref();
        if let Some(stranger) = intent.and_then(|id| self.strangers.get_mut(id)) {
            if seen.status == RefundStatus::Succeeded {
                stranger.minor -= seen.amount_minor;
            }
            return;
        }
        self.findings.push(Finding {
            kind: Kind::Refund,
            object_id: refund.id.clone(),
            order: None,
            what: "it returns money of no payment here".to_owned(),
            minor: seen.amount_minor,
            currency: refund.currency.to_ascii_uppercase(),
            repaired: false,
        });
    }

    /// What takes from a payment may be older than what we look at, and its money unknown here.
    pub(super) async fn money_first(&self, payment: &Payment) -> Result<Vec<Seen>, PaymentError> {
        match &payment.intent_id {
            Some(id) if !payment.status.has_money() => {
                let intent = self.desk.stripe.retrieve_intent(id).await.map_err(unread)?;
                Ok(vec![Seen::Intent(intent.seen())])
            }
            _ => Ok(Vec::new()),
        }
    }

    pub(super) async fn by_intent<'i>(
        &self,
        intents: impl Iterator<Item = &'i Option<String>>,
    ) -> Result<ByIntent, PaymentError> {
        let ids: Vec<&str> = intents.flatten().map(String::as_str).collect();
        let mut conn = self.connect().await?;
        let payments = payments::of(&mut conn, &ids, &[]).await?;
        let named = |p: Payment| Some((p.intent_id.clone()?, p));
        Ok(payments.into_iter().filter_map(named).collect())
    }
}

fn stranger(intent: &Intent, seen: &IntentSeen) -> Stranger {
    let what = match intent.order_id() {
        Some(order) => format!("it says that it is for order {order}, whose payment has another or none"),
        None => "it is for no order here".to_owned(),
    };
    let (minor, open) = match seen.state {
        IntentState::Succeeded { minor, .. } => (minor, false),
        IntentState::Cancelled => (0, false),
        IntentState::Open
        | IntentState::Failed(_)
        | IntentState::RequiresAction
        | IntentState::Processing => (0, true),
    };
    Stranger {
        minor,
        currency: intent.currency.to_ascii_uppercase(),
        open,
        what,
    }
}
