//! What is told in the end, in the terminal and as Markdown.

use std::collections::BTreeMap;
use std::time::Duration;

use super::buyers::Memory;
use super::plan::Plan;
use crate::audit::{Line, Report as Audit};
use crate::cli::ProveArgs;

/// Everything that is known after the run.
pub(super) struct Report {
    pub(super) args: ProveArgs,
    pub(super) struck: BTreeMap<String, u32>,
    /// How many calls and events went wrong at Stripe.
    pub(super) at_stripe: i64,
    pub(super) endings: BTreeMap<&'static str, u32>,
    /// What payers, banks, sellers and people at Stripe's dashboard did.
    pub(super) done: BTreeMap<&'static str, u32>,
    /// What Stripe has in the end.
    pub(super) objects: BTreeMap<String, u32>,
    /// How reconciling went.
    pub(super) reconciled: String,
    /// Whether all work was done within the time that there is for it.
    pub(super) quiet: Result<Duration, String>,
    pub(super) bought_for: Duration,
    pub(super) audit: Audit,
    pub(super) promises: Vec<Line>,
}

/// How orders ended for their buyers.
pub(super) fn endings(memories: &[Memory]) -> BTreeMap<&'static str, u32> {
    let mut endings = BTreeMap::new();
    for memory in memories {
        let ending = if !memory.accepted {
            "refused"
        } else if memory.saw_refunded {
            "paid and refunded"
        } else if memory.saw_cancelled && memory.saw_paid {
            "paid and cancelled"
        } else if memory.saw_cancelled {
            "cancelled"
        } else if memory.saw_paid {
            "paid"
        } else if memory.charged {
            "charged, not yet seen as paid"
        } else {
            "left unpaid"
        };
        *endings.entry(ending).or_default() += 1;
        if !memory.unanswered.is_empty() {
            *endings.entry("(a call was given up)").or_default() += 1;
        }
    }
    endings
}

/// What payers, banks, sellers and people at Stripe's dashboard did, and how often.
pub(super) fn done(memories: &[Memory]) -> BTreeMap<&'static str, u32> {
    let mut done = BTreeMap::new();
    for what in memories.iter().flat_map(|memory| &memory.done) {
        *done.entry(*what).or_default() += 1;
    }
    done
}

fn listed<K: std::fmt::Display>(counts: &BTreeMap<K, u32>) -> String {
    let listed: Vec<String> = counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
    listed.join(", ")
}

impl Report {
    /// Whether the shop proved itself.
    pub(super) fn holds(&self) -> bool {
        let promises = self.promises.iter().all(|line| line.tally.broken == 0);
        promises && self.audit.is_clean() && self.audit.left_out == 0 && self.quiet.is_ok()
    }

    /// The report as Markdown, which reads well in a terminal too.
    pub(super) fn lines(&self) -> Vec<String> {
        let ProveArgs {
            orders, kills, seed, ..
        } = self.args;
        let mut lines = vec![
            format!("# souk prove --orders {orders} --kills {kills} --seed {seed}"),
            String::new(),
            format!(
                "{orders} orders in {} s, and while they were placed:",
                self.bought_for.as_secs()
            ),
            String::new(),
        ];
        lines.extend(
            self.struck
                .iter()
                .map(|(kind, times)| format!("- {times} × {kind}")),
        );
        lines.push(String::new());
        lines.push(format!(
            "At Stripe {} calls and events went wrong on demand. Payers, banks, sellers and people at its dashboard did: \
             {}.",
            self.at_stripe,
            listed(&self.done)
        ));
        lines.push(format!(
            "For their buyers the orders ended as: {}.",
            listed(&self.endings)
        ));
        lines.push(format!("Stripe has in the end: {}.", listed(&self.objects)));
        lines.push(self.reconciled.clone());
        lines.push(match &self.quiet {
            Ok(after) => format!("All work was done {} s after the last order.", after.as_secs()),
            Err(open) => {
                format!("WORK WAS LEFT OVER: {open}.")
            }
        });
        lines.push(String::new());
        lines.push("| checked | broken | | |".to_owned());
        lines.push("|---:|---:|---|---|".to_owned());
        for Line { rule, holds, tally } in self.promises.iter().chain(&self.audit.lines) {
            lines.push(format!(
                "| {} | {} | {rule} | {holds} |",
                tally.checked, tally.broken
            ));
        }
        lines.push(String::new());
        for line in self.promises.iter().chain(&self.audit.lines) {
            lines.extend(
                line.tally
                    .first
                    .iter()
                    .map(|wrong| format!("- BROKEN {}: {wrong}", line.rule)),
            );
        }
        lines.extend(self.audit.waits().map(|waits| format!("- {waits}")));
        if self.audit.left_out > 0 {
            lines.push(format!("- {} orders are still in motion", self.audit.left_out));
        }
        lines.push(match self.holds() {
            true => "Proved: every invariant holds.".to_owned(),
            false => format!(
                "NOT PROVED. The same plan again: souk prove --orders {orders} --kills {kills} --seed {seed}"
            ),
        });
        lines
    }
}

/// What is going to happen, in a sentence.
pub(super) fn announce(args: &ProveArgs, plan: &Plan) -> String {
    format!(
        "seed {}: {} orders, {} kills and {} other blows",
        args.seed,
        plan.scripts.len(),
        args.kills,
        plan.blows.len() - usize::try_from(args.kills).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use pg::audit::Tally;
    use time::OffsetDateTime;

    use super::*;
    use crate::audit::AsOf;

    fn proved() -> Report {
        let line = || Line {
            rule: "ORD-5",
            holds: "one key is one order",
            tally: Tally::default(),
        };
        Report {
            args: ProveArgs {
                orders: 60,
                kills: 6,
                seed: 3,
                report: None,
                keep: None,
            },
            struck: BTreeMap::new(),
            at_stripe: 0,
            endings: BTreeMap::new(),
            done: BTreeMap::new(),
            objects: BTreeMap::new(),
            reconciled: String::new(),
            quiet: Ok(Duration::ZERO),
            bought_for: Duration::ZERO,
            audit: Audit {
                as_of: AsOf::quiet(OffsetDateTime::UNIX_EPOCH),
                lines: vec![line()],
                came_back: Vec::new(),
                left_out: 0,
            },
            promises: vec![line()],
        }
    }

    #[test]
    fn a_broken_promise_a_wrong_book_an_order_in_motion_and_work_left_over_are_no_proof() {
        let broken = |lines: &mut Vec<Line>| lines[0].tally.note(Some("order 7 is gone".to_owned()));
        let (mut promise, mut book, mut moving, mut busy) = (proved(), proved(), proved(), proved());
        broken(&mut promise.promises);
        broken(&mut book.audit.lines);
        moving.audit.left_out = 1;
        busy.quiet = Err("3 events".to_owned());
        assert!(proved().holds());
        assert_eq!(proved().lines().last().unwrap(), "Proved: every invariant holds.");
        for (report, said) in [
            (promise, "- BROKEN ORD-5: order 7 is gone"),
            (book, "- BROKEN ORD-5: order 7 is gone"),
            (moving, "- 1 orders are still in motion"),
            (busy, "WORK WAS LEFT OVER: 3 events."),
        ] {
            assert!(!report.holds());
            let lines = report.lines();
            assert!(lines.iter().any(|line| line == said), "{lines:?}");
            assert!(lines.last().unwrap().starts_with("NOT PROVED."), "{lines:?}");
        }
    }
}
