//! Refunds: money on its way back.

use time::OffsetDateTime;
use types::{PaymentId, RefundId};

/// Where a refund stands, in the provider's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundStatus {
    /// On its way.
    Pending,
    /// The payer has to say where to.
    RequiresAction,
    /// Gone back.
    Succeeded,
    /// It came back to us, perhaps after it had succeeded.
    Failed,
    /// Called off.
    Canceled,
}

impl RefundStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::RequiresAction,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
    ];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == word)
    }

    /// The money stays with us after all.
    #[must_use]
    pub const fn came_to_nothing(self) -> bool {
        matches!(self, Self::Failed | Self::Canceled)
    }

    /// This, or `seen` if that is at least as far: success follows what is pending, and failure follows success.
    #[must_use]
    pub fn merge(self, seen: Self) -> Self {
        if seen.rank() >= self.rank() { seen } else { self }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Pending | Self::RequiresAction => 0,
            Self::Succeeded => 1,
            Self::Failed | Self::Canceled => 2,
        }
    }
}

/// A refund as we keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// What it takes from.
    pub payment_id: PaymentId,
    /// How much.
    pub amount_minor: i64,
    /// Where it stands.
    pub status: RefundStatus,
    /// The provider's id, once it has one.
    pub provider_id: Option<String>,
    /// Why it was made.
    pub reason: Option<String>,
    /// Why it came to nothing.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: OffsetDateTime,
}

/// A refund as the provider shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundSeen {
    /// The provider's id.
    pub id: String,
    /// Our row, where we made it.
    pub refund_id: Option<RefundId>,
    /// How much.
    pub amount_minor: i64,
    /// Where it stands.
    pub status: RefundStatus,
    /// Why it failed.
    pub failure: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    // PAY-12
    #[test]
    fn a_refund_never_moves_down_and_may_fail_after_it_succeeded() {
        use RefundStatus::{Failed, Pending, RequiresAction, Succeeded};
        assert_eq!(Succeeded.merge(Pending), Succeeded);
        assert_eq!(Pending.merge(RequiresAction), RequiresAction);
        assert_eq!(Succeeded.merge(Failed), Failed);
        assert_eq!(Failed.merge(Succeeded), Failed);
    }
}
