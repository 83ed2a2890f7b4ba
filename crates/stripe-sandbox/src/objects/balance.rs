//! Balance transactions: what moved the account's balance, and why.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::id;

/// What moved the balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Movement {
    Charge,
    Refund,
    RefundFailure,
    /// A dispute took the money.
    Dispute,
    /// A dispute that was won gave it back.
    DisputeReversal,
}

impl Movement {
    /// Its `type`.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::RefundFailure => "refund_failure",
            Self::Dispute | Self::DisputeReversal => "adjustment",
        }
    }

    fn category(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::RefundFailure => "refund_failure",
            Self::Dispute => "dispute",
            Self::DisputeReversal => "dispute_reversal",
        }
    }
}

/// One movement of the balance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BalanceTransaction {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) movement: Movement,
    /// What came, or went if below zero.
    pub(crate) amount: i64,
    /// What Stripe keeps of it.
    pub(crate) fee: i64,
    pub(crate) currency: String,
    /// The charge, refund or dispute.
    pub(crate) source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

/// Stripe's fee of a card payment in the United States: 2.9 % and 30 of the smallest unit.
pub(crate) fn payment_fee(amount: i64) -> i64 {
    (amount.saturating_mul(29) + 500) / 1_000 + 30
}

impl BalanceTransaction {
    /// A movement of `amount` at `now`.
    pub(crate) fn new(now: i64, movement: Movement, amount: i64, currency: &str, source: &str) -> Self {
        Self {
            id: id::random("txn"),
            created: now,
            movement,
            amount,
            fee: 0,
            currency: currency.to_owned(),
            source: source.to_owned(),
            description: None,
        }
    }

    /// As the wire shows it. The money is there at once, as with `pm_card_bypassPending`.
    pub(crate) fn render(&self) -> Value {
        let what = if self.movement == Movement::Dispute {
            "Dispute fee"
        } else {
            "Stripe processing fees"
        };
        let fees: Vec<Value> = (self.fee != 0)
            .then(|| {
                json!({
                    "amount": self.fee, "application": null, "currency": self.currency, "description": what,
                    "type": "stripe_fee",
                })
            })
            .into_iter()
            .collect();
        json!({
            "id": self.id,
            "object": "balance_transaction",
            "amount": self.amount,
            "available_on": self.created,
            "balance_type": "payments",
            "created": self.created,
            "currency": self.currency,
            "description": self.description,
            "exchange_rate": null,
            "fee": self.fee,
            "fee_details": fees,
            "net": self.amount - self.fee,
            "reporting_category": self.movement.category(),
            "source": self.source,
            "status": "available",
            "type": self.movement.kind(),
        })
    }
}
