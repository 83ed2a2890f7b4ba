//! The order's state machine: one table says who may move an order from where to where. The published document lists its
//! statuses, `tests/it/states.rs` holds the database, the guide and every answer against it.

use std::fmt;
use std::str::FromStr;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Placed; stock and payment are being arranged.
    Pending,
    /// Stock is held and an intent waits for money.
    Confirmed,
    /// The money arrived and the stock is taken.
    Paid,
    /// The seller prepares it.
    Processing,
    /// On its way.
    Shipped,
    /// Arrived.
    Delivered,
    /// Given up; stock and money go back.
    Cancelled,
    /// All money went back. A refund that fails later changes nothing here: the payment says that its money is with us again,
    /// and a person sends it anew.
    Refunded,
}

/// Who acts on an order, seen from that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// The shop itself.
    System,
    /// Whoever bought.
    Owner,
    /// Whose product is in a line.
    Seller,
    /// Whose products are in all lines.
    SoleSeller,
    /// An admin.
    Admin,
}

use Party::{Admin, Owner, Seller, SoleSeller, System};
use Status::{Cancelled, Confirmed, Delivered, Paid, Pending, Processing, Refunded, Shipped};

/// Every legal move and who may make it. What is not here is refused.
const MOVES: &[(Status, Status, &[Party])] = &[
    (Pending, Confirmed, &[System]),
    (Pending, Cancelled, &[System, Owner, SoleSeller, Admin]),
    (Confirmed, Paid, &[System]),
    (Confirmed, Cancelled, &[System, Owner, SoleSeller, Admin]),
    (Paid, Processing, &[System, Seller, SoleSeller, Admin]),
    (Paid, Cancelled, &[Owner, SoleSeller, Admin]),
    (Processing, Cancelled, &[Owner, SoleSeller, Admin]),
    (Processing, Shipped, &[Seller, SoleSeller, Admin]),
    (Shipped, Delivered, &[System, Seller, SoleSeller, Admin]),
    (Paid, Refunded, &[System]),
    (Processing, Refunded, &[System]),
    (Shipped, Refunded, &[System]),
    (Delivered, Refunded, &[System]),
];

/// What a move comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be made.
    Allowed,
    /// It was made before: repeating it changes nothing.
    Already,
    /// The state machine has it, but not for this party.
    Forbidden,
    /// The state machine does not have it.
    Illegal,
}

impl Status {
    /// Every status, in the order of an order's life.
    pub const ALL: [Self; 8] = [
        Pending, Confirmed, Paid, Processing, Shipped, Delivered, Cancelled, Refunded,
    ];

    /// Its word on the wire and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Pending => "pending",
            Confirmed => "confirmed",
            Paid => "paid",
            Processing => "processing",
            Shipped => "shipped",
            Delivered => "delivered",
            Cancelled => "cancelled",
            Refunded => "refunded",
        }
    }

    /// Who may move an order from here to `to`; nobody if there is no such move.
    #[must_use]
    pub fn movers(self, to: Self) -> &'static [Party] {
        let found = MOVES
            .iter()
            .find(|(from, target, _)| *from == self && *target == to);
        found.map_or(&[], |(.., who)| who)
    }

    /// Whether `party` may move an order from here to `to`.
    #[must_use]
    pub fn judge(self, to: Self, party: Party) -> Verdict {
        if self == to {
            return Verdict::Already;
        }
        match self.movers(to) {
            [] => Verdict::Illegal,
            who if who.contains(&party) => Verdict::Allowed,
            _ => Verdict::Forbidden,
        }
    }

    /// Where an order can go from here, by anyone.
    #[must_use]
    pub fn next(self) -> Vec<Self> {
        MOVES
            .iter()
            .filter(|(from, ..)| *from == self)
            .map(|(_, to, _)| *to)
            .collect()
    }

    /// Whether a person moves orders here, with `PUT /orders/{id}/status`. What nobody but the shop decides is refused to
    /// everyone as if there were no such move. A mere owner cancels by a route of its own.
    #[must_use]
    pub fn by_hand(self) -> bool {
        let hands = [Seller, SoleSeller, Admin];
        let mut moves = MOVES.iter().filter(|(_, to, _)| *to == self);
        moves.any(|(.., who)| who.iter().any(|party| hands.contains(party)))
    }

    /// Whether money may be taken for it.
    #[must_use]
    pub fn payable(self) -> bool {
        matches!(self, Confirmed)
    }
}

/// A word that names no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a status is one of {}", Status::ALL.map(Status::name).join(", "))]
pub struct BadStatus;

impl FromStr for Status {
    type Err = BadStatus;
    fn from_str(word: &str) -> Result<Self, BadStatus> {
        Self::ALL.into_iter().find(|s| s.name() == word).ok_or(BadStatus)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // ORD-1
    #[test]
    fn the_whole_table_is_as_published() {
        let mut table = String::new();
        for from in Status::ALL {
            for to in Status::ALL {
                let who: Vec<String> = [System, Owner, Seller, SoleSeller, Admin]
                    .into_iter()
                    .filter(|p| from.judge(to, *p) == Verdict::Allowed)
                    .map(|p| format!("{p:?}").to_lowercase())
                    .collect();
                if !who.is_empty() {
                    table.push_str(&format!("{from} -> {to}: {}\n", who.join(", ")));
                }
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn nobody_sets_paid_or_refunded_by_hand_and_the_end_is_the_end() {
        for party in [Owner, Seller, SoleSeller, Admin] {
            for from in Status::ALL {
                assert_ne!(from.judge(Paid, party), Verdict::Allowed, "{from} {party:?}");
                assert_ne!(from.judge(Refunded, party), Verdict::Allowed, "{from} {party:?}");
            }
        }
        assert!(Cancelled.next().is_empty() && Refunded.next().is_empty());
    }

    // ORD-1
    #[test]
    fn a_move_that_was_made_is_told_from_one_of_others_and_from_one_that_there_is_not() {
        for party in [System, Owner, Seller, SoleSeller, Admin] {
            for status in Status::ALL {
                assert_eq!(
                    status.judge(status, party),
                    Verdict::Already,
                    "{status} {party:?}"
                );
            }
            assert_eq!(Pending.judge(Delivered, party), Verdict::Illegal, "{party:?}");
        }
        assert_eq!(Confirmed.judge(Paid, Owner), Verdict::Forbidden);
    }

    #[test]
    fn what_comes_next_is_whatever_somebody_may_make_of_it() {
        for from in Status::ALL {
            for to in Status::ALL {
                let has_movers = !from.movers(to).is_empty();
                assert_eq!(from.next().contains(&to), has_movers, "{from} -> {to}");
            }
        }
        assert_eq!(Pending.next(), [Confirmed, Cancelled]);
    }

    #[test]
    fn people_move_orders_to_four_statuses_and_pay_in_one() {
        let which = |is: fn(Status) -> bool| Status::ALL.into_iter().filter(|s| is(*s)).collect::<Vec<_>>();
        assert_eq!(
            which(Status::by_hand),
            [Processing, Shipped, Delivered, Cancelled]
        );
        assert_eq!(which(Status::payable), [Confirmed]);
    }

    #[test]
    fn each_word_is_read_as_the_status_that_it_names() {
        for status in Status::ALL {
            assert_eq!(status.name().parse(), Ok(status));
        }
        for word in ["", "Paid", "returned"] {
            assert_eq!(word.parse::<Status>(), Err(BadStatus), "{word}");
        }
    }
}
