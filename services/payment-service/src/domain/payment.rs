//! A payment and how it takes in what the provider says of it. Facts come late, twice and in any order; whatever
//! the order, the end is the same: an open payment follows the intent, money that arrived beats everything, and
//! after it the refunds alone decide. Nothing moves down.

use time::OffsetDateTime;
use types::{Money, OrderId, PaymentId, UserId};

use super::dispute::Disputed;
use super::refusal::Refusal;

/// Where a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Waits for a card.
    Pending,
    /// The provider works on it.
    Processing,
    /// The payer has to do something, such as 3-D Secure.
    RequiresAction,
    /// The last attempt failed; another card may follow.
    Failed,
    /// The money is here.
    Succeeded,
    /// Nobody can pay it any more.
    Cancelled,
    /// Money is here, and it is not what was asked for.
    Mismatch,
    /// Some of it went back.
    PartiallyRefunded,
    /// All of it went back.
    Refunded,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::Processing,
        Self::RequiresAction,
        Self::Failed,
        Self::Succeeded,
        Self::Cancelled,
        Self::Mismatch,
        Self::PartiallyRefunded,
        Self::Refunded,
    ];

    /// The word for it, on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::RequiresAction => "requires_action",
            Self::Failed => "failed",
            Self::Succeeded => "succeeded",
            Self::Cancelled => "cancelled",
            Self::Mismatch => "mismatch",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == word)
    }

    /// Whether somebody may still pay.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Processing | Self::RequiresAction | Self::Failed
        )
    }

    /// Whether money has arrived, whatever became of it.
    #[must_use]
    pub const fn has_money(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Mismatch | Self::PartiallyRefunded | Self::Refunded
        )
    }
}

/// Where an intent stands at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentState {
    /// Waits for a card or a confirmation.
    Open,
    /// The last attempt failed, for this reason; waits for another card.
    Failed(String),
    /// The payer has to act.
    RequiresAction,
    /// In the works.
    Processing,
    /// This much arrived, in minor units of that currency's code. Final.
    Succeeded {
        /// How much.
        minor: i64,
        /// In which currency.
        currency: String,
    },
    /// Final.
    Cancelled,
}

/// An intent as the provider shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentSeen {
    /// The provider's id.
    pub id: String,
    /// Lets its holder pay.
    pub client_secret: Option<String>,
    /// The attempt that it is about, if there was one.
    pub charge: Option<String>,
    /// Where it stands.
    pub state: IntentState,
}

/// What others are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The money is here.
    Succeeded,
    /// It is not what was asked for; in which currency it came.
    Mismatched(String),
    /// An attempt failed, for this reason.
    Failed(String),
    /// Nobody can pay it any more.
    Cancelled,
}

/// The money of one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// The order.
    pub order_id: OrderId,
    /// Who pays; nobody in a tombstone.
    pub user_id: Option<UserId>,
    /// What the order costs; nothing in a tombstone.
    pub amount: Option<Money>,
    /// Where it stands.
    pub status: Status,
    /// The provider's intent, once there is one.
    pub intent_id: Option<String>,
    /// Lets its holder pay.
    pub client_secret: Option<String>,
    /// What arrived.
    pub captured_minor: i64,
    /// What went back for good.
    pub refunded_minor: i64,
    /// What is on its way back.
    pub refund_pending_minor: i64,
    /// What arrived is not what was asked for.
    pub mismatched: bool,
    /// What its disputes come to.
    pub disputed: Disputed,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Counts up with each change.
    pub version: i64,
    /// When it was first asked for.
    pub created_at: OffsetDateTime,
    /// When it changed last.
    pub updated_at: OffsetDateTime,
}

impl Payment {
    /// Takes in what the provider shows of the intent. The news is told once, by whoever is first.
    #[must_use]
    pub fn see(mut self, seen: &IntentSeen) -> (Self, Option<News>) {
        if self.intent_id.is_none() {
            self.intent_id = Some(seen.id.clone());
        }
        if self.client_secret.is_none() {
            self.client_secret.clone_from(&seen.client_secret);
        }
        let news = match &seen.state {
            IntentState::Succeeded { minor, currency } if !self.status.has_money() => {
                let asked = self.amount.map(|a| (a.minor(), a.currency().code()));
                self.captured_minor = *minor;
                self.mismatched = asked != Some((*minor, currency.as_str()));
                self.last_error = None;
                self.status = if self.mismatched {
                    Status::Mismatch
                } else {
                    Status::Succeeded
                };
                Some(match self.mismatched {
                    true => News::Mismatched(currency.clone()),
                    false => News::Succeeded,
                })
            }
            IntentState::Cancelled if self.status.is_open() => {
                self.status = Status::Cancelled;
                Some(News::Cancelled)
            }
            IntentState::Failed(reason) if self.status.is_open() => {
                self.status = Status::Failed;
                self.last_error = Some(reason.clone());
                Some(News::Failed(reason.clone()))
            }
            IntentState::Open if self.status.is_open() => {
                self.status = Status::Pending;
                None
            }
            IntentState::RequiresAction if self.status.is_open() => {
                self.status = Status::RequiresAction;
                None
            }
            IntentState::Processing if self.status.is_open() => {
                self.status = Status::Processing;
                None
            }
            // Already there, or beyond it.
            IntentState::Succeeded { .. }
            | IntentState::Cancelled
            | IntentState::Failed(_)
            | IntentState::Open
            | IntentState::RequiresAction
            | IntentState::Processing => None,
        };
        (self, news)
    }

    /// Takes in the sums of its refunds, and with them the status where money had arrived.
    #[must_use]
    pub fn with_refunds(mut self, refunded_minor: i64, pending_minor: i64) -> Self {
        self.refunded_minor = refunded_minor;
        self.refund_pending_minor = pending_minor;
        if self.status.has_money() {
            self.status = if self.captured_minor > 0 && refunded_minor >= self.captured_minor {
                Status::Refunded
            } else if refunded_minor > 0 {
                Status::PartiallyRefunded
            } else if self.mismatched {
                Status::Mismatch
            } else {
                Status::Succeeded
            };
        }
        self
    }

    /// What can still be sent back.
    #[must_use]
    pub fn left_minor(&self) -> i64 {
        self.captured_minor - self.refunded_minor - self.refund_pending_minor
    }

    /// What was asked for; a tombstone was never asked for anything.
    pub fn asked(&self) -> Result<Money, Refusal> {
        self.amount.ok_or(Refusal::Cancelled(self.order_id))
    }

    /// Whether a refund of `minor` fits; says why not.
    pub fn refundable(&self, minor: i64) -> Result<(), Refusal> {
        let amount = self.asked().map_err(|_| Refusal::NotRefundable(self.order_id))?;
        if self.captured_minor == 0 {
            return Err(Refusal::NotRefundable(self.order_id));
        }
        // While a bank has the money, or may take it, the same money must not go back a second time (PAY-15).
        if self.disputed.withheld_minor > 0 {
            return Err(Refusal::Disputed(self.order_id));
        }
        let left = self.left_minor();
        if minor > left {
            let left = Money::from_minor(left.max(0), amount.currency());
            return Err(Refusal::RefundTooLarge {
                order: self.order_id,
                left,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use types::Currency;

    /// 10.00 USD that nobody has paid yet.
    pub(crate) fn payment() -> Payment {
        let at = time::macros::datetime!(2026-01-01 00:00 UTC);
        Payment {
            id: PaymentId::new(1).unwrap(),
            order_id: OrderId::new(81).unwrap(),
            user_id: UserId::new(7).ok(),
            amount: Some(Money::from_minor(1_000, Currency::USD)),
            status: Status::Pending,
            intent_id: None,
            client_secret: None,
            captured_minor: 0,
            refunded_minor: 0,
            refund_pending_minor: 0,
            mismatched: false,
            disputed: Disputed::default(),
            last_error: None,
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    fn seen(state: IntentState) -> IntentSeen {
        IntentSeen {
            id: "pi_1".to_owned(),
            client_secret: None,
            charge: None,
            state,
        }
    }

    fn arrived(minor: i64, currency: &str) -> IntentSeen {
        let currency = currency.to_owned();
        seen(IntentState::Succeeded { minor, currency })
    }

    // PAY-10
    #[test]
    fn money_that_arrived_is_not_moved_by_anything_older() {
        for late in [
            IntentState::Open,
            IntentState::Processing,
            IntentState::RequiresAction,
            IntentState::Failed("card_declined".to_owned()),
            IntentState::Cancelled,
        ] {
            let (paid, news) = payment().see(&arrived(1_000, "USD"));
            assert_eq!((paid.status, news), (Status::Succeeded, Some(News::Succeeded)));
            let (after, news) = paid.clone().see(&seen(late.clone()));
            assert_eq!((after.status, news), (Status::Succeeded, None), "{late:?}");
            let (after, _) = payment().see(&seen(late)).0.see(&arrived(1_000, "USD"));
            assert_eq!((after.status, after.captured_minor), (Status::Succeeded, 1_000));
        }
    }

    // PAY-14
    #[test]
    fn another_amount_or_currency_is_a_mismatch() {
        for wrong in [arrived(999, "USD"), arrived(1_000, "EUR"), arrived(1_001, "USD")] {
            let (paid, news) = payment().see(&wrong);
            assert_eq!(paid.status, Status::Mismatch);
            assert!(matches!(news, Some(News::Mismatched(_))));
        }
    }

    // PAY-12
    #[test]
    fn refunds_decide_after_the_money_arrived_and_a_failed_one_gives_the_balance_back() {
        let (paid, _) = payment().see(&arrived(1_000, "USD"));
        let some = paid.with_refunds(400, 100);
        assert_eq!((some.status, some.left_minor()), (Status::PartiallyRefunded, 500));
        let all = some.with_refunds(1_000, 0);
        assert_eq!(all.status, Status::Refunded);
        assert_eq!(all.with_refunds(0, 0).status, Status::Succeeded);
    }
}
