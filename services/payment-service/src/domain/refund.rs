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

/// The one of a payment's refunds that the provider means: by its id, or by ours where it has not got its id yet.
pub fn meant<'r>(refunds: &'r mut [Refund], seen: &RefundSeen) -> Option<&'r mut Refund> {
    let named = |r: &Refund| r.provider_id.as_ref() == Some(&seen.id);
    let ours = |r: &Refund| r.provider_id.is_none() && Some(r.id) == seen.refund_id;
    let at = refunds.iter().position(named);
    let at = at.or_else(|| refunds.iter().position(ours))?;
    refunds.get_mut(at)
}

/// What refunds come to: what went back for good, and what is on its way, in minor units.
#[must_use]
pub fn sums(refunds: &[Refund]) -> (i64, i64) {
    let sum = |of: fn(RefundStatus) -> bool| {
        let those = refunds.iter().filter(|r| of(r.status));
        those.map(|r| r.amount_minor).sum()
    };
    let pending = |status| matches!(status, RefundStatus::Pending | RefundStatus::RequiresAction);
    (sum(|status| status == RefundStatus::Succeeded), sum(pending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refund(id: i64, provider_id: Option<&str>, status: RefundStatus) -> Refund {
        Refund {
            id: RefundId::new(id).unwrap(),
            payment_id: PaymentId::new(1).unwrap(),
            amount_minor: 10 * id,
            status,
            provider_id: provider_id.map(ToOwned::to_owned),
            reason: None,
            error: None,
            created_at: time::macros::datetime!(2030-01-01 12:00 UTC),
        }
    }

    // PAY-12, PAY-13
    #[test]
    fn the_provider_means_a_refund_by_its_id_and_only_one_that_has_none_yet_by_ours() {
        let seen = |id: &str, ours| RefundSeen {
            id: id.to_owned(),
            refund_id: RefundId::new(ours).ok(),
            amount_minor: 10,
            status: RefundStatus::Succeeded,
            failure: None,
        };
        let mut all = [
            refund(1, None, RefundStatus::Pending),
            refund(2, Some("re_2"), RefundStatus::Pending),
        ];
        for (seen, means) in [
            (seen("re_1", 1), Some(1)),
            (seen("re_2", 1), Some(2)),
            (seen("re_2", 0), Some(2)),
            (seen("re_3", 2), None),
            (seen("re_3", 0), None),
        ] {
            assert_eq!(meant(&mut all, &seen).map(|r| r.id.get()), means, "{seen:?}");
        }
    }

    // PAY-12
    #[test]
    fn what_came_to_nothing_counts_neither_as_gone_nor_as_on_its_way() {
        let all: Vec<Refund> = (1..)
            .zip(RefundStatus::ALL)
            .map(|(id, status)| refund(id, None, status))
            .collect();
        assert_eq!(sums(&all), (30, 10 + 20));
        assert_eq!(sums(&[]), (0, 0));
    }

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
