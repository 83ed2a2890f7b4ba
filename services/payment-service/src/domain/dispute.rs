//! Disputes: a bank wants its customer's money back. What is told of one comes late, twice and in any order, and is
//! taken in so that the end is the same (PAY-10, PAY-15).

use time::OffsetDateTime;

/// Where a dispute stands, in the provider's words. The `Warning…` are those of an inquiry, which takes no money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisputeStatus {
    /// The bank asks; answer it in time.
    WarningNeedsResponse,
    /// It was answered.
    WarningUnderReview,
    /// It came to nothing.
    WarningClosed,
    /// The bank took the money; answer it in time.
    NeedsResponse,
    /// It was answered.
    UnderReview,
    /// The money comes back.
    Won,
    /// It does not.
    Lost,
    /// It was settled before it began.
    Prevented,
}

impl DisputeStatus {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::WarningNeedsResponse,
        Self::WarningUnderReview,
        Self::WarningClosed,
        Self::NeedsResponse,
        Self::UnderReview,
        Self::Won,
        Self::Lost,
        Self::Prevented,
    ];

    /// The word for it, on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WarningNeedsResponse => "warning_needs_response",
            Self::WarningUnderReview => "warning_under_review",
            Self::WarningClosed => "warning_closed",
            Self::NeedsResponse => "needs_response",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Prevented => "prevented",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == word)
    }

    /// Whether it waits for our evidence.
    #[must_use]
    pub const fn needs_response(self) -> bool {
        matches!(self, Self::WarningNeedsResponse | Self::NeedsResponse)
    }

    /// How far a dispute is. An inquiry may become a dispute, and what ended stays ended, save that a bank may find
    /// in our favour after all.
    const fn rank(self) -> u8 {
        match self {
            Self::WarningNeedsResponse => 0,
            Self::WarningUnderReview => 1,
            Self::WarningClosed => 2,
            Self::NeedsResponse => 3,
            Self::UnderReview => 4,
            Self::Prevented => 5,
            Self::Lost => 6,
            Self::Won => 7,
        }
    }

    /// How much it matters beside others of the same payment: what waits for us first, then what is gone.
    const fn weight(self) -> u8 {
        match self {
            Self::WarningClosed => 0,
            Self::Prevented => 1,
            Self::Won => 2,
            Self::WarningUnderReview => 3,
            Self::WarningNeedsResponse => 4,
            Self::Lost => 5,
            Self::UnderReview => 6,
            Self::NeedsResponse => 7,
        }
    }
}

/// Money that the provider moved for a dispute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// How much, in minor units.
    pub minor: i64,
    /// What it took for that, or gave back of it.
    pub fee_minor: i64,
    /// In which currency.
    pub currency: String,
}

/// One dispute, as we keep it or as the provider shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// The provider's id.
    pub id: String,
    /// Where it stands.
    pub status: DisputeStatus,
    /// How much is disputed, in minor units of what was captured.
    pub amount_minor: i64,
    /// Why, in the provider's word.
    pub reason: Option<String>,
    /// Until when it takes evidence.
    pub evidence_due_by: Option<OffsetDateTime>,
    /// What was taken from our balance; a fact that stays.
    pub withdrawn: Option<Moved>,
    /// What was given back; another.
    pub reinstated: Option<Moved>,
}

impl Dispute {
    /// This, and what `seen` adds to it. The further of the two says how it stands.
    #[must_use]
    pub fn merge(self, seen: Self) -> Self {
        let (near, far) =
            match (seen.status.rank(), seen.evidence_due_by) >= (self.status.rank(), self.evidence_due_by) {
                true => (self, seen),
                false => (seen, self),
            };
        Self {
            reason: far.reason.or(near.reason),
            evidence_due_by: far.evidence_due_by.or(near.evidence_due_by),
            withdrawn: far.withdrawn.or(near.withdrawn),
            reinstated: far.reinstated.or(near.reinstated),
            ..far
        }
    }

    /// How much of the payment is with the bank, or about to be: it cannot be sent back by us as well.
    #[must_use]
    pub const fn withheld_minor(&self) -> i64 {
        let taken = match self.status {
            DisputeStatus::NeedsResponse | DisputeStatus::UnderReview | DisputeStatus::Lost => true,
            DisputeStatus::WarningNeedsResponse
            | DisputeStatus::WarningUnderReview
            | DisputeStatus::WarningClosed
            | DisputeStatus::Won
            | DisputeStatus::Prevented => self.withdrawn.is_some(),
        };
        if taken && self.reinstated.is_none() {
            self.amount_minor
        } else {
            0
        }
    }
}

/// What all disputes of a payment come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disputed {
    /// How the one stands that matters most; none if there is none.
    pub status: Option<DisputeStatus>,
    /// When the first of those that wait for evidence takes no more.
    pub evidence_due_by: Option<OffsetDateTime>,
    /// How much is with banks.
    pub withheld_minor: i64,
}

impl Disputed {
    /// Of these.
    #[must_use]
    pub fn of(all: &[Dispute]) -> Self {
        let waiting = all.iter().filter(|d| d.status.needs_response());
        Self {
            status: all.iter().map(|d| d.status).max_by_key(|s| s.weight()),
            evidence_due_by: waiting.filter_map(|d| d.evidence_due_by).min(),
            withheld_minor: all.iter().map(Dispute::withheld_minor).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispute(status: DisputeStatus) -> Dispute {
        Dispute {
            id: "dp_1".to_owned(),
            status,
            amount_minor: 1_000,
            reason: None,
            evidence_due_by: None,
            withdrawn: None,
            reinstated: None,
        }
    }

    fn moved() -> Option<Moved> {
        Some(Moved {
            minor: 1_000,
            fee_minor: 1_500,
            currency: "USD".to_owned(),
        })
    }

    // PAY-10, PAY-15
    #[test]
    fn whichever_of_two_sights_comes_first_the_dispute_is_the_same() {
        let sights: Vec<Dispute> = DisputeStatus::ALL
            .into_iter()
            .flat_map(|status| {
                let seen = dispute(status);
                let taken = Dispute {
                    withdrawn: moved(),
                    ..seen.clone()
                };
                let given = Dispute {
                    reinstated: moved(),
                    reason: Some("fraudulent".to_owned()),
                    ..seen.clone()
                };
                [seen, taken, given]
            })
            .collect();
        for a in &sights {
            for b in &sights {
                assert_eq!(
                    a.clone().merge(b.clone()),
                    b.clone().merge(a.clone()),
                    "{a:?} {b:?}"
                );
                for c in &sights {
                    let (ab, bc) = (a.clone().merge(b.clone()), b.clone().merge(c.clone()));
                    assert_eq!(ab.merge(c.clone()), a.clone().merge(bc), "{a:?} {b:?} {c:?}");
                }
            }
        }
    }

    // PAY-15
    #[test]
    fn money_is_with_the_bank_from_the_dispute_on_until_it_is_given_back() {
        use DisputeStatus::{
            Lost, NeedsResponse, Prevented, UnderReview, WarningClosed, WarningNeedsResponse, Won,
        };
        for (status, withheld) in [
            (WarningNeedsResponse, 0),
            (WarningClosed, 0),
            (NeedsResponse, 1_000),
            (UnderReview, 1_000),
            (Lost, 1_000),
            (Won, 0),
            (Prevented, 0),
        ] {
            assert_eq!(dispute(status).withheld_minor(), withheld, "{status:?}");
        }
        let won = Dispute {
            withdrawn: moved(),
            ..dispute(Won)
        };
        assert_eq!(won.withheld_minor(), 1_000, "it is on its way");
        let back = Dispute {
            reinstated: moved(),
            ..won
        };
        assert_eq!(back.withheld_minor(), 0);
    }

    // PAY-15
    #[test]
    fn of_several_disputes_the_one_that_waits_for_us_is_shown() {
        let at =
            |minute| Some(time::macros::datetime!(2030-01-01 12:00 UTC) + time::Duration::minutes(minute));
        let waits = |minute| Dispute {
            evidence_due_by: at(minute),
            ..dispute(DisputeStatus::NeedsResponse)
        };
        let ended = Dispute {
            evidence_due_by: at(0),
            ..dispute(DisputeStatus::Won)
        };
        let all = Disputed::of(&[ended.clone(), waits(2), waits(1), dispute(DisputeStatus::Lost)]);
        assert_eq!(
            (all.status, all.evidence_due_by, all.withheld_minor),
            (Some(DisputeStatus::NeedsResponse), at(1), 3_000)
        );
        assert_eq!(Disputed::of(&[ended]).evidence_due_by, None);
        assert_eq!(Disputed::of(&[]), Disputed::default());
    }
}
