//! Disputes that the provider has, page by page, and those that we have and it does not. They are few: each is looked at
//! alone.

use super::super::observe::Seen;
use super::super::refresh::unread;
use super::Run;
use super::missing::CHUNK;
use crate::domain::drift::{Drift, Finding, Kind, of_dispute};
use crate::domain::{self, Payment};
use crate::error::PaymentError;
use crate::store::{disputes, reconciliations};
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
        let known = self.known(payment, &dispute.id).await?;
        if of_dispute(known.as_ref(), &dispute.seen()).is_none() {
            return Ok(());
        }
        let now = self.desk.stripe.retrieve_dispute(&dispute.id).await;
        let seen = now.map_err(unread)?.seen();
        let Some(drift) = of_dispute(known.as_ref(), &seen) else {
            return Ok(());
        };
        let withheld = known.map_or(0, |known| known.withheld_minor());
        let minor = (seen.withheld_minor() - withheld).abs();
        let (what, repaired) = match drift {
            Drift::Contradiction(what) => (what, false),
            Drift::Lost(what) => {
                let mut all = self.money_first(payment).await?;
                all.push(Seen::Dispute(seen.clone()));
                match self.take_in(payment.order_id, all).await? {
                    Ok(_) => {
                        let known = self.known(payment, &dispute.id).await?;
                        (what, of_dispute(known.as_ref(), &seen).is_none())
                    }
                    Err(why) => (format!("{what}; {why}"), false),
                }
            }
        };
        self.differs(dispute, Some(payment), (what, minor, repaired));
        Ok(())
    }

    async fn known(&self, payment: &Payment, id: &str) -> Result<Option<domain::Dispute>, PaymentError> {
        let mut conn = self.connect().await?;
        let all = disputes::of(&mut conn, payment.id).await?;
        Ok(all.into_iter().find(|dispute| dispute.id == id))
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
