//! What became of an order's hold, and what it answers to those who ask again.

use time::OffsetDateTime;
use types::OrderId;

use super::refusal::Refusal;

/// Where a reservation stands. All but `Held` are ends, save that an expired one may still be committed if its
/// stock is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its units are reserved.
    Held,
    /// Its units were sold.
    Committed,
    /// Its units were given back on request.
    Released,
    /// Its units were given back because its time was over.
    Expired,
    /// Released before it was held: it never will be (STK-10).
    Tombstone,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Held,
        Self::Committed,
        Self::Released,
        Self::Expired,
        Self::Tombstone,
    ];

    /// The word for it in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Committed => "committed",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Tombstone => "tombstone",
        }
    }

    /// The state with that name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == word)
    }
}

/// An order's reservation, or its tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The order.
    pub order: OrderId,
    /// Where it stands.
    pub state: State,
    /// The hash of its lines; none in a tombstone.
    pub lines_hash: Option<Vec<u8>>,
    /// Until when it was or is held; none in a tombstone.
    pub expires_at: Option<OffsetDateTime>,
}

impl Reservation {
    /// What a hold under the same order is answered: the same again for the same lines (STK-6), a refusal for others
    /// and after a release (STK-10).
    pub fn held_again(&self, lines_hash: &[u8]) -> Result<OffsetDateTime, Refusal> {
        let (Some(hash), Some(expires_at)) = (&self.lines_hash, self.expires_at) else {
            return Err(Refusal::HoldCancelled(self.order));
        };
        if hash != lines_hash {
            return Err(Refusal::HoldMismatch(self.order));
        }
        match self.state {
            State::Held | State::Committed | State::Expired => Ok(expires_at),
            State::Released | State::Tombstone => Err(Refusal::HoldCancelled(self.order)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_read_as_the_state_that_it_names() {
        for state in State::ALL {
            assert_eq!(State::named(state.name()), Some(state));
        }
        assert_eq!(State::named("Held"), None);
    }

    // STK-6, STK-10
    #[test]
    fn a_hold_that_is_asked_for_again_is_the_same_or_refused() {
        let until = OffsetDateTime::UNIX_EPOCH;
        let order = OrderId::new(7).unwrap();
        for (state, answer) in [
            (State::Held, Ok(until)),
            (State::Committed, Ok(until)),
            (State::Expired, Ok(until)),
            (State::Released, Err(Refusal::HoldCancelled(order))),
        ] {
            let reservation = Reservation {
                order,
                state,
                lines_hash: Some(vec![1, 2]),
                expires_at: Some(until),
            };
            let other = Err(Refusal::HoldMismatch(order));
            assert_eq!(reservation.held_again(&[1, 2]), answer, "{state:?}");
            assert_eq!(reservation.held_again(&[1, 3]), other, "{state:?}");
        }
        let tombstone = Reservation {
            order,
            state: State::Tombstone,
            lines_hash: None,
            expires_at: None,
        };
        let cancelled = Err(Refusal::HoldCancelled(order));
        assert_eq!(tombstone.held_again(&[1, 2]), cancelled);
    }
}
