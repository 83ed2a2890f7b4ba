//! Taking in what is seen of intents: the money arrived, or did not, or it is another sum than was asked for.

use sqlx::PgConnection;
use time::OffsetDateTime;
use wire::events::{PaymentCancelled, PaymentFailed, PaymentMismatched, PaymentSucceeded};

use super::{Seen, View};
use crate::NAME;
use crate::domain::ledger::Fact;
use crate::domain::{IntentSeen, IntentState, News, Payment, Status};
use crate::error::PaymentError;
use crate::store::facts;
use crate::store::ledger::{self, Posting};
use crate::store::operations::{self, Kind};

/// News of a payment, which may have been told before.
struct Told<'v, 'a> {
    view: &'v mut View<'a>,
    intent: &'a IntentSeen,
    news: News,
}

/// Takes in those of the payments that show their intent in this turn.
pub(super) async fn see_intents(
    conn: &mut PgConnection,
    views: &mut [View<'_>],
    turn: usize,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    let mut told = Vec::new();
    let mut unwanted = Vec::new();
    for view in views {
        let Some(Seen::Intent(intent)) = view.seen.get(turn) else {
            continue;
        };
        if view
            .payment
            .intent_id
            .as_ref()
            .is_some_and(|ours| *ours != intent.id)
        {
            let second = format!("intent {}, a second one of its order", intent.id);
            return Err(PaymentError::Unknown(second));
        }
        let (payment, news) = view.payment.clone().see(intent);
        view.payment = payment;
        let open = !matches!(
            intent.state,
            IntentState::Succeeded { .. } | IntentState::Cancelled
        );
        if open && view.payment.status == Status::Cancelled {
            // It was made although nobody wants it any more: nobody may be able to pay it.
            unwanted.push(view.payment.clone());
        }
        if let Some(news) = news {
            told.push(Told { view, intent, news });
        }
    }
    announce(conn, told, at).await?;
    let unwanted: Vec<&Payment> = unwanted.iter().collect();
    operations::start_all(conn, &unwanted, Kind::CancelIntent, at, at).await?;
    Ok(())
}

/// Tells the world, unless these very facts were told before.
async fn announce(
    conn: &mut PgConnection,
    mut told: Vec<Told<'_, '_>>,
    at: OffsetDateTime,
) -> Result<(), PaymentError> {
    // Money that arrives is noted by its entry in the ledger alone: no statement more.
    let postings: Vec<Posting<'_>> = told.iter().filter_map(Told::receipt).collect();
    let posted = ledger::post_all(conn, &postings, at).await?;
    let noted: Vec<facts::Fact<'_>> = told.iter().filter_map(Told::fact).collect();
    let new = facts::first_times(conn, &noted, at).await?;
    for told in &mut told {
        let first = match (told.receipt(), told.fact()) {
            (Some(receipt), _) => posted.contains(receipt.object_id),
            (None, Some(fact)) => new.contains(&(fact.object_id.to_owned(), fact.fact.to_owned())),
            (None, None) => false,
        };
        if first {
            told.tell()?;
        }
    }
    Ok(())
}

impl Told<'_, '_> {
    const fn name(&self) -> &'static str {
        match &self.news {
            News::Succeeded => "succeeded",
            News::Mismatched(_) => "mismatched",
            News::Cancelled => "cancelled",
            News::Failed(_) => "failed",
        }
    }

    /// The entry for what arrived, in the currency in which it came.
    fn receipt(&self) -> Option<Posting<'_>> {
        let payment = &self.view.payment;
        let minor = payment.captured_minor;
        let fact = match &self.news {
            News::Succeeded => Fact::Captured { minor },
            News::Mismatched(_) => Fact::Mismatched { minor },
            News::Cancelled | News::Failed(_) => return None,
        };
        Some(Posting {
            payment_id: payment.id,
            object_id: &self.intent.id,
            fact,
            currency: match &self.intent.state {
                IntentState::Succeeded { currency, .. } => Some(currency),
                _ => None,
            },
        })
    }

    fn fact(&self) -> Option<facts::Fact<'_>> {
        let object_id = match &self.news {
            News::Succeeded | News::Mismatched(_) => return None,
            News::Cancelled => &self.intent.id,
            // An intent may fail many times, each of its attempts once.
            News::Failed(_) => self.intent.charge.as_ref().unwrap_or(&self.intent.id),
        };
        Some(facts::Fact {
            object_id,
            fact: self.name(),
            payment_id: self.view.payment.id,
        })
    }

    fn tell(&mut self) -> Result<(), PaymentError> {
        let name = self.name();
        self.view.count(move || {
            metrics::counter!("payments_total", "service" => NAME, "outcome" => name).increment(1);
        });
        let payment = &self.view.payment;
        let (order_id, payment_id, amount_minor) = (payment.order_id, payment.id, payment.captured_minor);
        match &self.news {
            News::Succeeded => {
                let currency = payment.asked()?.currency().code();
                self.view.count(move || {
                    metrics::counter!("payments_captured_minor_total", "service" => NAME, "currency" => currency)
                        .increment(u64::try_from(amount_minor).unwrap_or_default());
                });
                self.view.tell(&PaymentSucceeded {
                    order_id,
                    payment_id,
                    amount_minor,
                    currency: currency.to_owned(),
                });
            }
            News::Mismatched(currency) => {
                self.view.count(move || {
                    tracing::error!(order.id = %order_id, "what arrived is not what the order costs; an admin must decide");
                });
                self.view.tell(&PaymentMismatched {
                    order_id,
                    payment_id,
                    amount_minor,
                    currency: currency.clone(),
                });
            }
            News::Failed(reason) => {
                self.view.told_failed = true;
                self.view.tell(&PaymentFailed {
                    order_id,
                    payment_id,
                    reason: reason.clone(),
                });
            }
            News::Cancelled => self.view.tell(&PaymentCancelled { order_id, payment_id }),
        }
        Ok(())
    }
}
