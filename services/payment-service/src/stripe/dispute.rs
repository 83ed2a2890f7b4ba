//! Stripe's disputes: what is read of them.

use serde::Deserialize;
use time::OffsetDateTime;
use types::Currency;

use super::amount::from_provider;
use super::objects::id_of;
use crate::domain::{self, DisputeStatus, Moved};

/// A dispute.
#[derive(Clone, Debug, Deserialize)]
pub struct Dispute {
    /// `dp_…`, `du_…`.
    pub id: String,
    /// The intent it is about.
    #[serde(default, deserialize_with = "id_of")]
    pub payment_intent: Option<String>,
    /// Where it stands.
    pub status: String,
    /// What is disputed, as Stripe counts.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    /// Such as `fraudulent`.
    pub reason: Option<String>,
    /// About the evidence.
    pub evidence_details: Option<EvidenceDetails>,
    /// None, one or two: what was taken from our balance, and what was given back.
    #[serde(default)]
    pub balance_transactions: Vec<BalanceTransaction>,
}

/// About the evidence.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct EvidenceDetails {
    /// Until when it is taken, in seconds since the epoch.
    pub due_by: Option<i64>,
}

/// A change of our balance.
#[derive(Clone, Debug, Deserialize)]
pub struct BalanceTransaction {
    /// Below zero if it was taken.
    pub amount: i64,
    /// What Stripe takes for it; below zero if it gives that back.
    #[serde(default)]
    pub fee: i64,
    /// Lower case; that of our balance.
    pub currency: String,
}

impl Dispute {
    /// As a payment takes it in. A status that we do not know is one that somebody has to look at.
    #[must_use]
    pub fn seen(&self) -> domain::Dispute {
        let due_by = self.evidence_details.and_then(|e| e.due_by);
        let moved = |given: bool| {
            let mut all = self.balance_transactions.iter();
            all.find(|t| (t.amount > 0) == given && t.amount != 0)
                .map(BalanceTransaction::moved)
        };
        domain::Dispute {
            id: self.id.clone(),
            status: DisputeStatus::named(&self.status).unwrap_or(DisputeStatus::NeedsResponse),
            amount_minor: minor(self.amount, &self.currency),
            reason: self.reason.clone(),
            evidence_due_by: due_by.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok()),
            withdrawn: moved(false),
            reinstated: moved(true),
        }
    }
}

impl BalanceTransaction {
    fn moved(&self) -> Moved {
        Moved {
            minor: minor(self.amount, &self.currency).abs(),
            fee_minor: minor(self.fee, &self.currency).abs(),
            currency: self.currency.to_ascii_uppercase(),
        }
    }
}

fn minor(amount: i64, currency: &str) -> i64 {
    let currency = Currency::parse(&currency.to_ascii_uppercase()).ok();
    currency.and_then(|c| from_provider(amount, c)).unwrap_or(amount)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    // PAY-15, PAY-19
    #[test]
    fn what_was_taken_and_given_back_is_told_apart_by_its_sign() {
        let dispute: Dispute = serde_json::from_value(json!({
            "id": "dp_1", "payment_intent": "pi_1", "status": "won", "amount": 10, "currency": "jpy",
            "reason": "fraudulent", "evidence_details": {"due_by": 1_893_499_200, "submission_count": 1},
            "balance_transactions": [
                {"amount": -1_000, "fee": 1_500, "net": -2_500, "currency": "usd"},
                {"amount": 1_000, "fee": -1_500, "net": 2_500, "currency": "usd"},
            ],
        }))
        .unwrap();
        let seen = dispute.seen();
        assert_eq!((seen.status, seen.amount_minor), (DisputeStatus::Won, 10));
        let moved = Moved {
            minor: 1_000,
            fee_minor: 1_500,
            currency: "USD".to_owned(),
        };
        assert_eq!(
            (seen.withdrawn, seen.reinstated),
            (Some(moved.clone()), Some(moved))
        );
        assert_eq!(
            seen.evidence_due_by,
            Some(time::macros::datetime!(2030-01-01 12:00 UTC))
        );
    }

    #[test]
    fn a_word_that_we_do_not_know_is_one_that_somebody_must_look_at() {
        let dispute: Dispute = serde_json::from_value(json!({
            "id": "dp_1", "payment_intent": null, "status": "brewing", "amount": 10, "currency": "usd",
        }))
        .unwrap();
        let seen = dispute.seen();
        assert_eq!(seen.status, DisputeStatus::NeedsResponse);
        assert_eq!(
            (seen.withdrawn, seen.reinstated, seen.evidence_due_by),
            (None, None, None)
        );
    }
}
