//! What differs between the provider's books and ours. Pure: an object of theirs is held against what we have of it.

use types::{Currency, Money, OrderId};

use super::{Dispute, Disputed, IntentSeen, IntentState, Payment, Refund, RefundSeen};

/// How far a reconciliation looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What is as young as the oldest thing that may still change by itself.
    Open,
    /// Everything.
    All,
}

impl Scope {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::All => "all",
        }
    }
}

/// What kind of object differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A payment intent.
    Intent,
    /// A refund.
    Refund,
    /// A dispute.
    Dispute,
}

impl Kind {
    /// Every kind, in the order in which they are looked at: refunds and disputes take from intents.
    pub const ALL: [Self; 3] = [Self::Intent, Self::Refund, Self::Dispute];

    /// What several of them are called.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Intent => "payment intents",
            Self::Refund => "refunds",
            Self::Dispute => "disputes",
        }
    }
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// They moved on and we were not told: taking in what is seen makes it right.
    Lost(String),
    /// Taking in what is seen changes nothing; a person has to look.
    Contradiction(String),
}

/// A difference as it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of object differs.
    pub kind: Kind,
    /// The provider's id of it.
    pub object_id: String,
    /// The order that it belongs to, where we know one.
    pub order: Option<OrderId>,
    /// What differs.
    pub what: String,
    /// How much money our books were wrong about, in minor units.
    pub minor: i64,
    /// Of that currency's code.
    pub currency: String,
    /// It is right now; otherwise it is unexplained.
    pub repaired: bool,
}

impl Finding {
    /// How much money, for people.
    #[must_use]
    pub fn money(&self) -> String {
        match Currency::parse(&self.currency) {
            Ok(currency) => format!("{} {}", Money::from_minor(self.minor, currency), self.currency),
            Err(_) => format!("{} {}", self.minor, self.currency),
        }
    }
}

/// What an intent shows that its payment does not.
#[must_use]
pub fn of_intent(payment: &Payment, seen: &IntentSeen) -> Option<Drift> {
    let what = || {
        format!(
            "it is {} over there and {} here",
            word(&seen.state),
            payment.status.name()
        )
    };
    let (after, _) = payment.clone().see(seen);
    if after != *payment {
        return Some(Drift::Lost(what()));
    }
    match &seen.state {
        IntentState::Succeeded { minor, .. } if *minor != payment.captured_minor => {
            let ours = payment.captured_minor;
            Some(Drift::Contradiction(format!(
                "{minor} arrived over there and {ours} here"
            )))
        }
        IntentState::Succeeded { .. } => None,
        _ if payment.status.has_money() => Some(Drift::Contradiction(what())),
        // A cancelled payment may have an open intent: that it is to be cancelled too is written down.
        _ => None,
    }
}

/// How much money we are wrong about if an intent was not taken in.
#[must_use]
pub fn at_stake(payment: &Payment, seen: &IntentSeen) -> i64 {
    let theirs = match seen.state {
        IntentState::Succeeded { minor, .. } => minor,
        _ => 0,
    };
    (theirs - payment.captured_minor).abs()
}

/// What a refund shows that ours does not; `known` is ours, if we know it.
#[must_use]
pub fn of_refund(known: Option<&Refund>, seen: &RefundSeen) -> Option<Drift> {
    let theirs = seen.status.name();
    let Some(known) = known else {
        return Some(Drift::Lost(format!("it is {theirs} over there and unknown here")));
    };
    let what = format!("it is {theirs} over there and {} here", known.status.name());
    let merged = known.status.merge(seen.status);
    if known.amount_minor != seen.amount_minor {
        let (theirs, ours) = (seen.amount_minor, known.amount_minor);
        Some(Drift::Contradiction(format!(
            "it is of {theirs} over there and of {ours} here"
        )))
    } else if merged != known.status {
        Some(Drift::Lost(what))
    } else if merged != seen.status {
        Some(Drift::Contradiction(what))
    } else {
        None
    }
}

/// What a dispute shows that ours does not, or what the payment does not say of `all` the disputes that we have of it.
#[must_use]
pub fn of_dispute(payment: &Payment, all: &[Dispute], seen: &Dispute) -> Option<Drift> {
    let theirs = seen.status.name();
    let Some(known) = all.iter().find(|d| d.id == seen.id) else {
        return Some(Drift::Lost(format!("it is {theirs} over there and unknown here")));
    };
    let merged = known.clone().merge(seen.clone());
    let what = match known.status == seen.status {
        true => format!("it is {theirs}, and what moved for it, or its deadline, differs"),
        false => format!("it is {theirs} over there and {} here", known.status.name()),
    };
    if merged != *known {
        Some(Drift::Lost(what))
    } else if merged.status != seen.status {
        Some(Drift::Contradiction(what))
    } else if Disputed::of(all) != payment.disputed {
        Some(Drift::Lost(format!(
            "it is {theirs}, and what its payment says of all its disputes differs"
        )))
    } else {
        None
    }
}

/// How much money we are wrong about if a dispute was not taken in: what is with banks, beside what the payment says of it.
#[must_use]
pub fn withheld_at_stake(payment: &Payment, all: &[Dispute], seen: &Dispute) -> i64 {
    let others = all.iter().filter(|d| d.id != seen.id);
    let theirs: i64 = others.chain([seen]).map(Dispute::withheld_minor).sum();
    (theirs - payment.disputed.withheld_minor).abs()
}

fn word(state: &IntentState) -> &'static str {
    match state {
        IntentState::Open => "open",
        IntentState::Failed(_) => "failed",
        IntentState::RequiresAction => "waiting for the payer",
        IntentState::Processing => "processing",
        IntentState::Succeeded { .. } => "succeeded",
        IntentState::Cancelled => "cancelled",
    }
}
