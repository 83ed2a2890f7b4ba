//! What we have and the provider did not list. Ours may be older than what was listed, so that each is asked for once
//! more by its id.

use types::OrderId;

use super::super::refresh::unread;
use super::super::whose;
use super::{Run, hash};
use crate::domain::drift::{Finding, Kind};
use crate::error::PaymentError;
use crate::store::reconciliations::{self, Expected};
use crate::stripe::StripeError;

/// Rows that are in memory at a time.
pub(super) const CHUNK: i64 = 1_000;
/// How far the clocks of those who write rows may differ.
const SKEW: time::Duration = time::Duration::minutes(10);
/// The provider has no such object.
const GONE: u16 = 404;

impl Run<'_> {
    pub(super) async fn missing_intents(&mut self) -> Result<(), PaymentError> {
        let mut after = match self.since {
            Some(since) => {
                let mut conn = self.connect().await?;
                reconciliations::last_payment(&mut conn, since - SKEW).await?
            }
            None => 0,
        };
        loop {
            let (mut conn, window) = (self.connect().await?, (self.since, self.started));
            let expected = reconciliations::expected_intents(&mut conn, after, window, CHUNK).await?;
            drop(conn);
            let Some(unlisted) = self.unlisted(expected, &mut after) else {
                return Ok(());
            };
            for ours in unlisted {
                match self.desk.stripe.retrieve_intent(&ours.object_id).await {
                    Ok(intent) => {
                        let payments = self.ours(std::slice::from_ref(&intent)).await?;
                        self.intent(&intent, whose::of(&payments, &intent)).await?;
                    }
                    Err(error) => self.missing(Kind::Intent, ours, error)?,
                }
            }
        }
    }

    pub(super) async fn missing_refunds(&mut self) -> Result<(), PaymentError> {
        let mut after = match self.since {
            Some(since) => {
                let mut conn = self.connect().await?;
                reconciliations::last_refund(&mut conn, since - SKEW).await?
            }
            None => 0,
        };
        loop {
            let (mut conn, window) = (self.connect().await?, (self.since, self.started));
            let expected = reconciliations::expected_refunds(&mut conn, after, window, CHUNK).await?;
            drop(conn);
            let Some(unlisted) = self.unlisted(expected, &mut after) else {
                return Ok(());
            };
            for ours in unlisted {
                match self.desk.stripe.retrieve_refund(&ours.object_id).await {
                    Ok(refund) => self.listed_refunds(std::slice::from_ref(&refund)).await?,
                    Err(error) => self.missing(Kind::Refund, ours, error)?,
                }
            }
        }
    }

    /// Those that were not listed; `after` is moved behind all of them. `None` at the end.
    pub(super) fn unlisted(&self, mut expected: Vec<Expected>, after: &mut i64) -> Option<Vec<Expected>> {
        *after = expected.last()?.row;
        expected.retain(|ours| !self.seen.contains(&hash(&ours.object_id)));
        Some(expected)
    }

    pub(super) fn missing(
        &mut self,
        kind: Kind,
        ours: Expected,
        error: StripeError,
    ) -> Result<(), PaymentError> {
        match error {
            StripeError::Refused(declined) if declined.status == GONE => {
                self.findings.push(Finding {
                    kind,
                    object_id: ours.object_id,
                    order: OrderId::new(ours.order_id).ok(),
                    what: "the provider has not got it".to_owned(),
                    minor: ours.amount_minor,
                    currency: ours.currency,
                    repaired: false,
                });
                Ok(())
            }
            error => Err(unread(error)),
        }
    }
}
