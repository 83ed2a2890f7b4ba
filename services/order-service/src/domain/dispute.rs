//! What a dispute of an order's payment stands against (PAY-15).

use super::Order;
use super::refusal::Refusal;
use super::status::Status;

/// The provider's words for a dispute in whose course nothing is shipped: it runs, or the money is gone.
const BLOCKING: [&str; 5] = [
    "warning_needs_response",
    "warning_under_review",
    "needs_response",
    "under_review",
    "lost",
];
/// Those by which a bank has the money, and may yet give it back: a refund would send it back a second time.
const UNDECIDED: [&str; 2] = ["needs_response", "under_review"];

impl Order {
    /// Refuses a move that a dispute stands against. That something arrived may be told at any time: it is evidence.
    pub fn undisputed(&self, to: Status) -> Result<(), Refusal> {
        let against: &[&str] = match to {
            Status::Processing | Status::Shipped => &BLOCKING,
            Status::Cancelled => &UNDECIDED,
            Status::Pending | Status::Confirmed | Status::Paid | Status::Delivered | Status::Refunded => &[],
        };
        if !against.contains(&self.dispute_status.as_str()) {
            return Ok(());
        }
        Err(Refusal::Disputed {
            id: self.id,
            status: self.dispute_status.clone(),
            to,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::tests::order;

    // PAY-15
    #[test]
    fn a_dispute_stands_against_shipping_until_it_is_won_and_against_refunds_while_a_bank_has_the_money() {
        use Status::{Cancelled, Processing, Shipped};
        for (dispute, against) in [
            ("none", &[][..]),
            ("warning_needs_response", &[Processing, Shipped]),
            ("warning_under_review", &[Processing, Shipped]),
            ("warning_closed", &[]),
            ("needs_response", &[Processing, Shipped, Cancelled]),
            ("under_review", &[Processing, Shipped, Cancelled]),
            ("won", &[]),
            ("lost", &[Processing, Shipped]),
        ] {
            let mut order = order(1, &[2]);
            order.dispute_status = dispute.to_owned();
            for to in Status::ALL {
                let expected = if against.contains(&to) {
                    let (id, status) = (order.id, dispute.to_owned());
                    Err(Refusal::Disputed { id, status, to })
                } else {
                    Ok(())
                };
                assert_eq!(order.undisputed(to), expected, "{dispute}, {to}");
            }
        }
    }
}
