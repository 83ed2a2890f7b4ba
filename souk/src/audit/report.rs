//! The findings as a table: one line an invariant.

use pg::audit::{NAMED, Tally};
use product_service::operator::Disagreement;

use super::AsOf;
use super::orders::Across;
use crate::term;

/// What all parts found.
pub(super) struct Findings {
    pub(super) user: user_service::operator::Facts,
    pub(super) product: product_service::operator::Facts,
    pub(super) order: order_service::operator::Facts,
    pub(super) payment: payment_service::operator::Facts,
    pub(super) across: Across,
    pub(super) taken: Tally,
}

/// One invariant, and how it fared.
#[derive(Clone, Debug)]
pub struct Line {
    /// The number of the requirement.
    pub rule: &'static str,
    /// What must hold.
    pub holds: &'static str,
    /// How many were checked, and which are wrong.
    pub tally: Tally,
}

/// How every invariant fared.
#[derive(Clone, Debug)]
pub struct Report {
    /// As of when.
    pub as_of: AsOf,
    /// One line an invariant.
    pub lines: Vec<Line>,
    /// Orders that are refunded or cancelled and whose refund came back later. No invariant is broken; somebody must send
    /// their money anew.
    pub came_back: Vec<i64>,
    /// Orders that are in motion, of which nothing can be said yet.
    pub left_out: i64,
}

impl Report {
    pub(super) fn of(as_of: AsOf, found: Findings) -> Self {
        let Findings {
            user,
            product,
            order,
            payment,
            across,
            taken,
        } = found;
        let line = |rule, holds, tally| Line { rule, holds, tally };
        let shelves = product.negative.checked;
        let lines = vec![
            line(
                "STK-1",
                "stock is what the ledger and the open holds say",
                stock(shelves, &product.disagreements),
            ),
            line(
                "STK-1",
                "no stock is negative or reserved twice",
                product.negative,
            ),
            line("STK-7", "no hold outlives its time", product.overdue),
            line(
                "ORD-1",
                "an order is in one legal state, with its history",
                order.histories,
            ),
            line("ORD-4", "an order's lines and parts add up", order.sums),
            line(
                "SAG-6",
                "an order has the stock that its state says",
                across.stock,
            ),
            line(
                "PAY-14",
                "an order has the money that its state says",
                across.money,
            ),
            line("PAY-9", "an order and its payment say the same", across.told),
            line("SAG-3", "nothing is held or paid for no order", across.orphans),
            line(
                "PAY-12",
                "refunds add up, to no more than was paid",
                payment.refunds,
            ),
            line("PAY-17", "debits are credits in the ledger", payment.balance),
            line("PAY-17", "payments and the ledger say the same", payment.ledger),
            line(
                "PAY-5",
                "no call of the provider is left in doubt",
                payment.operations,
            ),
            line("PAY-7", "no webhook is given up or left lying", payment.webhooks),
            line("SAG-8", "no saga is stuck or left lying", order.sagas),
            line("JOB-1", "no job is dead or left lying", order.jobs),
            line(
                "EVT-1",
                "events are numbered without gaps",
                product.sequences.and(order.sequences).and(payment.sequences),
            ),
            line(
                "EVT-1",
                "every event was acknowledged",
                product
                    .acknowledged
                    .and(order.acknowledged)
                    .and(payment.acknowledged),
            ),
            line("EVT-3", "every event is in each inbox once", taken),
            line(
                "AUT-7",
                "a session has one refresh token to go on with",
                user.sessions,
            ),
            line("AUT-5", "there is a key that signs", user.keys),
        ];
        Self {
            as_of,
            lines,
            came_back: across.came_back,
            left_out: across.left_out,
        }
    }

    /// Whether every invariant holds.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.lines.iter().all(|line| line.tally.broken == 0)
    }

    /// What is said of refunds that came back, if there are any.
    #[must_use]
    pub fn waits(&self) -> Option<String> {
        let named: Vec<String> = self.came_back.iter().take(NAMED).map(i64::to_string).collect();
        let more = if self.came_back.len() > NAMED { ", …" } else { "" };
        (!named.is_empty()).then(|| {
            let (count, named) = (self.came_back.len(), named.join(", "));
            format!("{count} orders whose refund came back wait for a person: {named}{more}")
        })
    }

    /// The table, line by line.
    #[must_use]
    pub fn table(&self) -> Vec<String> {
        let mut table = vec![format!("{:>9} {:>7}  invariant", "checked", "broken")];
        for Line { rule, holds, tally } in &self.lines {
            table.push(format!(
                "{:>9} {:>7}  {rule:<6}  {holds}",
                tally.checked, tally.broken
            ));
            table.extend(tally.first.iter().map(|wrong| format!("{:27}{wrong}", "")));
            let named = i64::try_from(tally.first.len()).unwrap_or_default();
            if tally.broken > named {
                table.push(format!("{:27}… and {} more", "", tally.broken - named));
            }
        }
        table.push(String::new());
        table.extend(self.waits());
        if self.left_out > 0 {
            table.push(format!(
                "{} orders are in motion and were left out",
                self.left_out
            ));
        }
        let broken = self.lines.iter().filter(|line| line.tally.broken > 0).count();
        table.push(match broken {
            0 => format!("the books are right: {} invariants hold", self.lines.len()),
            broken => format!(
                "the books are WRONG: {broken} of {} invariants are broken",
                self.lines.len()
            ),
        });
        table
    }

    /// Shows it to whoever asked.
    pub fn print(&self) {
        self.table().into_iter().for_each(term::line);
    }
}

fn stock(checked: i64, disagreements: &[Disagreement]) -> Tally {
    let mut tally = Tally::default();
    for d in disagreements {
        tally.note(Some(format!(
            "product {}: {} on hand ({} in the ledger), {} reserved ({} in the ledger, {} held)",
            d.product_id, d.on_hand, d.ledger_on_hand, d.reserved, d.ledger_reserved, d.held
        )));
    }
    tally.checked = checked;
    tally
}
