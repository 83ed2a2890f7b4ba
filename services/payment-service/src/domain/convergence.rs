//! Every order in which the eight kinds of events can come, with repetitions, ends in the same row (PAY-10). Here each
//! event says what was true when it was made; through the database, and with what is read anew, `tests/it` asks the same.

use types::{PaymentId, RefundId};

use super::payment::tests::payment;
use super::refund::{meant, sums};
use super::{
    Dispute, DisputeStatus, Disputed, IntentSeen, IntentState, Moved, Payment, Refund, RefundSeen,
    RefundStatus, Status,
};

/// The kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Created,
    Processing,
    RequiresAction,
    Failed,
    Succeeded,
    Refunded,
    DisputeCreated,
    DisputeClosed,
}

use Kind::{Created, DisputeClosed, DisputeCreated, Failed, Processing, Refunded, RequiresAction, Succeeded};

const KINDS: [Kind; 8] = [
    Created,
    Processing,
    RequiresAction,
    Failed,
    Succeeded,
    Refunded,
    DisputeCreated,
    DisputeClosed,
];

/// A payment with what its status is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    payment: Payment,
    refunds: Vec<Refund>,
    dispute: Option<Dispute>,
}

impl Row {
    fn new() -> Self {
        Self {
            payment: payment(),
            refunds: Vec::new(),
            dispute: None,
        }
    }

    fn take(self, kind: Kind) -> Self {
        match kind {
            Created => self.intent(IntentState::Open),
            Processing => self.intent(IntentState::Processing),
            RequiresAction => self.intent(IntentState::RequiresAction),
            Failed => self.intent(IntentState::Failed("card_declined".to_owned())),
            Succeeded => self.intent(arrived()),
            Refunded => self.refund("re_1", 400, RefundStatus::Succeeded),
            DisputeCreated => self.dispute(DisputeStatus::NeedsResponse, false),
            DisputeClosed => self.dispute(DisputeStatus::Won, true),
        }
    }

    fn intent(mut self, state: IntentState) -> Self {
        let seen = IntentSeen {
            id: "pi_1".to_owned(),
            client_secret: None,
            charge: None,
            state,
        };
        self.payment = self.payment.see(&seen).0;
        self
    }

    /// A refund is heard of with the money that it returns.
    fn refund(self, id: &str, minor: i64, status: RefundStatus) -> Self {
        let mut row = match self.payment.status.has_money() {
            true => self,
            false => self.intent(arrived()),
        };
        let seen = RefundSeen {
            id: id.to_owned(),
            refund_id: None,
            amount_minor: minor,
            status,
            failure: None,
        };
        match meant(&mut row.refunds, &seen) {
            Some(refund) => refund.status = refund.status.merge(status),
            None => row.refunds.push(adopted(seen)),
        }
        let (back, pending) = sums(&row.refunds);
        row.payment = row.payment.with_refunds(back, pending);
        row
    }

    fn dispute(mut self, status: DisputeStatus, given_back: bool) -> Self {
        let moved = Moved {
            minor: 1_000,
            fee_minor: 1_500,
            currency: "USD".to_owned(),
        };
        let seen = Dispute {
            id: "dp_1".to_owned(),
            status,
            amount_minor: 1_000,
            reason: Some("fraudulent".to_owned()),
            evidence_due_by: Some(time::macros::datetime!(2026-01-08 00:00 UTC)),
            withdrawn: Some(moved.clone()),
            reinstated: given_back.then_some(moved),
        };
        let dispute = match self.dispute.take() {
            Some(known) => known.merge(seen),
            None => seen,
        };
        self.payment.disputed = Disputed::of(std::slice::from_ref(&dispute));
        self.dispute = Some(dispute);
        self
    }
}

/// A refund that was made in the provider's dashboard.
fn adopted(seen: RefundSeen) -> Refund {
    Refund {
        id: RefundId::new(1).unwrap(),
        payment_id: PaymentId::new(1).unwrap(),
        amount_minor: seen.amount_minor,
        status: seen.status,
        provider_id: Some(seen.id),
        reason: None,
        error: seen.failure,
        created_at: time::macros::datetime!(2026-01-01 00:00 UTC),
    }
}

fn arrived() -> IntentState {
    IntentState::Succeeded {
        minor: 1_000,
        currency: "USD".to_owned(),
    }
}

/// Calls `visit` with every order of `kinds` from `from` on; how many there were.
fn orders(kinds: &mut [Kind; 8], from: usize, visit: &mut impl FnMut(&[Kind; 8])) -> usize {
    if from == kinds.len() {
        visit(kinds);
        return 1;
    }
    (from..kinds.len())
        .map(|other| {
            kinds.swap(from, other);
            let count = orders(kinds, from + 1, visit);
            kinds.swap(from, other);
            count
        })
        .sum()
}

// PAY-10
#[test]
fn all_forty_thousand_orders_of_the_eight_kinds_end_in_one_row() {
    let end = KINDS.into_iter().fold(Row::new(), Row::take);
    assert_eq!(
        (
            end.payment.status,
            end.payment.captured_minor,
            end.payment.refunded_minor
        ),
        (Status::PartiallyRefunded, 1_000, 400)
    );
    assert_eq!(
        (end.payment.disputed.status, end.payment.disputed.withheld_minor),
        (Some(DisputeStatus::Won), 0)
    );
    assert_eq!(end.payment.last_error, None);
    let mut turn = 0;
    let count = orders(&mut KINDS.clone(), 0, &mut |kinds| {
        turn += 1;
        let mut row = Row::new();
        for (at, kind) in kinds.iter().enumerate() {
            // Each comes, comes again at once, and brings one along that had come before.
            row = row.take(*kind).take(*kind).take(kinds[turn % (at + 1)]);
        }
        assert_eq!(row, end, "{kinds:?}");
    });
    assert_eq!(count, 40_320);
}

// PAY-10, PAY-12
#[test]
fn a_refund_that_failed_has_failed_whatever_is_heard_of_it_later() {
    use RefundStatus::{Canceled, Failed, Pending, RequiresAction, Succeeded};
    for (end, status) in [
        (Succeeded, Status::Refunded),
        (Failed, Status::Succeeded),
        (Canceled, Status::Succeeded),
    ] {
        let story = [Pending, RequiresAction, end];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let row = order
                .into_iter()
                .flat_map(|at| [story[at], story[at]])
                .fold(Row::new(), |row, status| row.refund("re_1", 1_000, status));
            assert_eq!(row.payment.status, status, "{order:?} {end:?}");
            assert_eq!(row.payment.refund_pending_minor, 0);
        }
    }
}
