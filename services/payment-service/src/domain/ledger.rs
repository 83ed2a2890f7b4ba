//! The ledger's chart of accounts, and which lines a fact about money posts. Pure: what is posted follows from the
//! fact alone. Each line is one side of a transfer from one account to another, so that no entry can fail to balance.

/// Where money is, or what it was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// Asset: what buyers' money there is at the provider, before its fees.
    Provider,
    /// Asset, below zero: what the provider keeps of it for its services.
    ProviderFees,
    /// Income: what buyers paid for orders.
    Sales,
    /// Income, taken back: what went back to buyers.
    Refunds,
    /// Liability: what arrived and is not what was asked for, until an admin decides.
    Unmatched,
    /// Expense: what banks took back for their customers.
    Disputed,
    /// Expense: what the provider's services cost.
    Fees,
}

impl Account {
    /// Every account.
    pub const ALL: [Self; 7] = [
        Self::Provider,
        Self::ProviderFees,
        Self::Sales,
        Self::Refunds,
        Self::Unmatched,
        Self::Disputed,
        Self::Fees,
    ];

    /// The word for it, on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::ProviderFees => "provider_fees",
            Self::Sales => "sales",
            Self::Refunds => "refunds",
            Self::Unmatched => "unmatched",
            Self::Disputed => "disputed",
            Self::Fees => "fees",
        }
    }
}

/// Not the name of an [`Account`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is provider, provider_fees, sales, refunds, unmatched, disputed or fees")]
pub struct BadAccount;

impl std::str::FromStr for Account {
    type Err = BadAccount;

    fn from_str(word: &str) -> Result<Self, BadAccount> {
        Self::ALL.into_iter().find(|a| a.name() == word).ok_or(BadAccount)
    }
}

/// What happened to money. Amounts are in minor units and never below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// What an order costs arrived.
    Captured {
        /// How much.
        minor: i64,
    },
    /// Something else arrived.
    Mismatched {
        /// How much.
        minor: i64,
    },
    /// An admin takes what arrived instead for the order's money.
    Accepted {
        /// How much.
        minor: i64,
    },
    /// Money went back.
    Refunded {
        /// How much.
        minor: i64,
        /// It is money that nobody asked for.
        unmatched: bool,
    },
    /// A refund that had succeeded failed after all: its money is here again.
    RefundReturned {
        /// How much.
        minor: i64,
        /// It is money that nobody asked for.
        unmatched: bool,
    },
    /// A bank took money back for its customer.
    Withdrawn {
        /// How much.
        minor: i64,
        /// What the provider takes for it.
        fee_minor: i64,
    },
    /// The bank gave it back.
    Reinstated {
        /// How much.
        minor: i64,
        /// What the provider gives back of its fee.
        fee_minor: i64,
    },
}

/// One side of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which account.
    pub account: Account,
    /// A debit above zero, a credit below.
    pub minor: i64,
}

impl Fact {
    /// The word for it. With the object that it is about it names the entry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Captured { .. } => "captured",
            Self::Mismatched { .. } => "mismatched",
            Self::Accepted { .. } => "accepted",
            Self::Refunded { .. } => "refunded",
            Self::RefundReturned { .. } => "refund_returned",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Reinstated { .. } => "reinstated",
        }
    }

    /// What it posts. Nothing of an amount of zero.
    #[must_use]
    pub fn lines(self) -> Vec<Line> {
        use Account::{Disputed, Fees, Provider, ProviderFees, Refunds, Sales, Unmatched};
        let returns = |unmatched| if unmatched { Unmatched } else { Refunds };
        let transfers = match self {
            Self::Captured { minor } => [Some((Provider, Sales, minor)), None],
            Self::Mismatched { minor } => [Some((Provider, Unmatched, minor)), None],
            Self::Accepted { minor } => [Some((Unmatched, Sales, minor)), None],
            Self::Refunded { minor, unmatched } => [Some((returns(unmatched), Provider, minor)), None],
            Self::RefundReturned { minor, unmatched } => [Some((Provider, returns(unmatched), minor)), None],
            Self::Withdrawn { minor, fee_minor } => [
                Some((Disputed, Provider, minor)),
                Some((Fees, ProviderFees, fee_minor)),
            ],
            Self::Reinstated { minor, fee_minor } => [
                Some((Provider, Disputed, minor)),
                Some((ProviderFees, Fees, fee_minor)),
            ],
        };
        let transfers = transfers.into_iter().flatten().filter(|(.., minor)| *minor != 0);
        transfers
            .flat_map(|(debit, credit, minor)| {
                [(debit, minor), (credit, -minor)].map(|(account, minor)| Line { account, minor })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn fact() -> impl Strategy<Value = Fact> {
        let minor = 0..1_000_000_000_i64;
        (0..7, minor.clone(), minor, any::<bool>()).prop_map(|(kind, minor, fee_minor, unmatched)| match kind
        {
            0 => Fact::Captured { minor },
            1 => Fact::Mismatched { minor },
            2 => Fact::Accepted { minor },
            3 => Fact::Refunded { minor, unmatched },
            4 => Fact::RefundReturned { minor, unmatched },
            5 => Fact::Withdrawn { minor, fee_minor },
            _ => Fact::Reinstated { minor, fee_minor },
        })
    }

    proptest! {
        // PAY-17
        #[test]
        fn every_currency_adds_up_to_nothing_and_the_provider_has_what_came_and_did_not_go(
            facts in prop::collection::vec((prop::sample::select(vec!["USD", "EUR", "JPY"]), fact()), 0..60)
        ) {
            let mut balances: BTreeMap<(&str, Account), i64> = BTreeMap::new();
            let mut at_provider: BTreeMap<&str, i64> = BTreeMap::new();
            for (currency, fact) in facts {
                for line in fact.lines() {
                    prop_assert_ne!(line.minor, 0);
                    *balances.entry((currency, line.account)).or_default() += line.minor;
                }
                *at_provider.entry(currency).or_default() += match fact {
                    Fact::Captured { minor } | Fact::Mismatched { minor } => minor,
                    Fact::RefundReturned { minor, .. } | Fact::Reinstated { minor, .. } => minor,
                    Fact::Refunded { minor, .. } | Fact::Withdrawn { minor, .. } => -minor,
                    Fact::Accepted { .. } => 0,
                };
            }
            for (currency, expected) in at_provider {
                let sum: i64 = balances.iter().filter(|((c, _), _)| *c == currency).map(|(_, minor)| minor).sum();
                prop_assert_eq!(sum, 0, "{}", currency);
                let provider = balances.get(&(currency, Account::Provider)).copied().unwrap_or_default();
                prop_assert_eq!(provider, expected, "{}", currency);
            }
        }
    }

    // PAY-17
    #[test]
    fn an_account_is_in_an_entry_once_and_what_is_taken_back_leaves_nothing() {
        let (minor, fee_minor) = (500, 15);
        for (there, back) in [
            (
                Fact::Withdrawn { minor, fee_minor },
                Fact::Reinstated { minor, fee_minor },
            ),
            (
                Fact::Refunded {
                    minor,
                    unmatched: true,
                },
                Fact::RefundReturned {
                    minor,
                    unmatched: true,
                },
            ),
        ] {
            let (there, back) = (there.lines(), back.lines());
            for line in &there {
                assert_eq!(there.iter().filter(|l| l.account == line.account).count(), 1);
                let counter = Line {
                    minor: -line.minor,
                    ..*line
                };
                assert!(back.contains(&counter), "{line:?}");
            }
        }
        assert_eq!(Fact::Captured { minor: 0 }.lines(), []);
    }
}
