//! Disputes that the provider has, page by page, and those that we have and it does not. They are few: each is looked at
//! alone.

use types::OrderId;

use super::super::observe::Seen;
use super::super::refresh::unread;
use super::Run;
use super::missing::CHUNK;
use crate::domain::drift::{Drift, Finding, Kind, of_dispute, withheld_at_stake};
use crate::domain::{self, Payment};
use crate::error::PaymentError;
use crate::store::{disputes, fault, payments, reconciliations};
use crate::stripe::Dispute;

impl Run<'_> {
    pub(super) async fn disputes(&mut self) -> Result<(), PaymentError> {
        let mut after = None;
        loop {
            let page = self.desk.stripe.list_disputes(self.since, after.as_deref()).await;
            let page = page.map_err(unread)?;
            page.data.iter().for_each(|d| self.count(Kind::Dispute, &d.id));
            self.listed_disputes(&page.data).await?;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    pub(super) async fn missing_disputes(&mut self) -> Result<(), PaymentError> {
        let mut after = 0;
        loop {
            let (mut conn, window) = (self.connect().await?, (self.since, self.started));
            let expected = reconciliations::expected_disputes(&mut conn, after, window, CHUNK).await?;
            drop(conn);
            let Some(unlisted) = self.unlisted(expected, &mut after) else {
                return Ok(());
            };
            for ours in unlisted {
                match self.desk.stripe.retrieve_dispute(&ours.object_id).await {
                    Ok(dispute) => self.listed_disputes(std::slice::from_ref(&dispute)).await?,
                    Err(error) => self.missing(Kind::Dispute, ours, error)?,
                }
            }
        }
    }

    /// Holds disputes that the provider has against ours.
    async fn listed_disputes(&mut self, disputes: &[Dispute]) -> Result<(), PaymentError> {
        let payments = self.by_intent(disputes.iter().map(|d| &d.payment_intent)).await?;
        for dispute in disputes {
            let payment = dispute.payment_intent.as_ref().and_then(|id| payments.get(id));
            match payment {
                Some(payment) => self.dispute(dispute, payment).await?,
                None => {
                    let what = format!("it is {}, and about no payment here", dispute.status);
                    self.differs(dispute, None, (what, 0, false));
                }
            }
        }
        Ok(())
    }

    async fn dispute(&mut self, dispute: &Dispute, payment: &Payment) -> Result<(), PaymentError> {
        let (ours, all) = self.disputed(payment.order_id).await?;
        if of_dispute(&ours, &all, &dispute.seen()).is_none() {
            return Ok(());
        }
        let now = self.desk.stripe.retrieve_dispute(&dispute.id).await;
        let seen = now.map_err(unread)?.seen();
        let (ours, all) = self.disputed(payment.order_id).await?;
        let Some(drift) = of_dispute(&ours, &all, &seen) else {
            return Ok(());
        };
        let minor = withheld_at_stake(&ours, &all, &seen);
        let (what, repaired) = match drift {
            Drift::Contradiction(what) => (what, false),
            Drift::Lost(what) => {
                let mut taken = self.money_first(payment).await?;
                taken.push(Seen::Dispute(seen.clone()));
                match self.take_in(payment.order_id, taken).await? {
                    Ok(_) => {
                        let (ours, all) = self.disputed(payment.order_id).await?;
                        (what, of_dispute(&ours, &all, &seen).is_none())
                    }
                    Err(why) => (format!("{what}; {why}"), false),
                }
            }
        };
        self.differs(dispute, Some(payment), (what, minor, repaired));
        Ok(())
    }

    /// The order's payment with its disputes, both of one moment: one after the other they might only seem to differ.
    async fn disputed(&self, order: OrderId) -> Result<(Payment, Vec<domain::Dispute>), PaymentError> {
        let begun = pg::begin(&self.desk.db).await;
        let mut tx = begun.map_err(fault("begin a transaction"))?;
        let payment = payments::lock(&mut tx, order).await?;
        let all = disputes::of(&mut tx, payment.id).await?;
        tx.commit().await.map_err(fault("end the transaction"))?;
        Ok((payment, all))
    }

    fn differs(
        &mut self,
        dispute: &Dispute,
        payment: Option<&Payment>,
        (what, minor, repaired): (String, i64, bool),
    ) {
        self.findings.push(Finding {
            kind: Kind::Dispute,
            object_id: dispute.id.clone(),
            order: payment.map(|payment| payment.order_id),
            what,
            minor,
            currency: dispute.currency.to_ascii_uppercase(),
            repaired,
        });
    }
}
