//! After the last blow: all work is done, and what lost webhooks left wrong is found by reconciliation.

use std::time::{Duration, Instant};

use payment_service::domain::drift::Scope;
use payment_service::operator::Report as Reconciliation;
use pg::audit::Tally;
use runtime::StartError;

use super::TOLD_EVERY;
use super::people::People;
use super::shop::Shop;
use crate::audit::{Books, Line};
use crate::term::Progress;

/// How long all work may take once nothing strikes any more.
const PATIENCE: Duration = Duration::from_secs(240);
/// How often in a row there must be nothing to do.
const QUIET: u32 = 5;
/// How often payments are held against Stripe's books until nothing differs: what the first finds may end a dispute
/// for which a refund waits, which the second finds.
const RECONCILIATIONS: usize = 4;
/// What banks do by themselves is done by then.
const BANKS: u32 = 10;

/// How the shop came to rest.
pub(super) struct Rest {
    /// After how long, or what was left to do.
    pub(super) quiet: Result<Duration, String>,
    /// What reconciling found then, run by run.
    pub(super) reconciled: Vec<Reconciliation>,
}

/// Waits until there is nothing to do and nothing to repair.
pub(super) async fn come(
    shop: &Shop,
    books: &Books,
    people: &People,
    orders_end: bool,
    progress: &Progress,
) -> Result<Rest, StartError> {
    let (started, mut reconciled) = (Instant::now(), Vec::new());
    people.stripe.wait(BANKS).await?;
    let mut quiet = Ok(());
    while reconciled.len() < RECONCILIATIONS && quiet.is_ok() {
        let found = shop.reconciliation(Scope::All).await?;
        let differs = !found.findings.is_empty();
        // The first one comes while things are in motion.
        let first = reconciled.is_empty();
        reconciled.push(found);
        if !differs && !first {
            break;
        }
        quiet = until_quiet(books, people, orders_end, progress).await?;
    }
    Ok(Rest {
        quiet: quiet.map(|()| started.elapsed()),
        reconciled,
    })
}

/// Waits until there is nothing to do, several times in a row; what is left if that takes too long.
async fn until_quiet(
    books: &Books,
    people: &People,
    orders_end: bool,
    progress: &Progress,
) -> Result<Result<(), String>, StartError> {
    let (started, mut in_a_row, mut said) = (Instant::now(), 0, Duration::ZERO);
    loop {
        let undelivered = people.stripe.undelivered().await?;
        let open = crate::audit::open_work(books).await?;
        let unpaid = if orders_end { people.unpaid().await? } else { 0 };
        let is_quiet = open.is_none() && unpaid == 0 && undelivered == 0;
        in_a_row = if is_quiet { in_a_row + 1 } else { 0 };
        if in_a_row >= QUIET {
            return Ok(Ok(()));
        }
        let left = format!("{open}, {unpaid} unpaid orders, {undelivered} events at Stripe");
        if started.elapsed() > PATIENCE {
            return Ok(Err(left));
        }
        if started.elapsed() - said > TOLD_EVERY {
            said = started.elapsed();
            progress.say(&format!("still to do: {left}"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Whether reconciliation explained everything, while orders were placed too, and in the end found nothing any more.
pub(super) fn explained(meanwhile: &[Result<Reconciliation, String>], rest: &Rest) -> Line {
    let mut tally = Tally::default();
    for report in meanwhile.iter().flatten().chain(&rest.reconciled) {
        tally.checked += report.checked.iter().map(|(_, count)| count).sum::<i64>();
        for finding in report.findings.iter().filter(|f| !f.repaired) {
            tally.note(Some(crate::reconcile::told(finding)));
        }
    }
    if let Some(last) = rest.reconciled.last() {
        for finding in last.findings.iter().filter(|f| f.repaired) {
            let told = crate::reconcile::told(finding);
            tally.note(Some(format!("repaired, but only in the last run: {told}")));
        }
    }
    Line {
        rule: "PAY-16",
        holds: "reconciliation repairs what differs, and then nothing does",
        tally,
    }
}

/// How reconciling went, in a sentence.
pub(super) fn told(meanwhile: &[Result<Reconciliation, String>], rest: &Rest) -> String {
    let repaired = |report: &Reconciliation| report.repaired();
    let failed: Vec<&String> = meanwhile.iter().filter_map(|run| run.as_ref().err()).collect();
    let why = failed.first().map_or_else(String::new, |why| format!(" ({why})"));
    format!(
        "Reconciliation ran {} times meanwhile, in vain {} times{why}, and repaired {}; it ran {} times afterwards, and \
         repaired {}.",
        meanwhile.len(),
        failed.len(),
        meanwhile.iter().flatten().map(repaired).sum::<usize>(),
        rest.reconciled.len(),
        rest.reconciled.iter().map(repaired).sum::<usize>(),
    )
}

#[cfg(test)]
mod tests {
    use payment_service::domain::drift::{Finding, Kind};

    use super::*;

    fn run(findings: &[bool]) -> Reconciliation {
        let finding = |repaired: &bool| Finding {
            kind: Kind::Refund,
            object_id: "re_1".to_owned(),
            order: None,
            what: "it is succeeded over there and unknown here".to_owned(),
            minor: 150,
            currency: "USD".to_owned(),
            repaired: *repaired,
        };
        Reconciliation {
            id: 1,
            scope: Scope::All,
            checked: Kind::ALL.map(|kind| (kind, 1)),
            findings: findings.iter().map(finding).collect(),
        }
    }

    // PAY-16
    #[test]
    fn what_no_reconciliation_could_explain_and_what_the_last_one_still_found_are_found() {
        let (repaired, unexplained) = (true, false);
        for (meanwhile, afterwards, broken) in [
            (&[][..], &[&[][..]][..], 0),
            (&[&[repaired][..]], &[&[repaired], &[]], 0),
            (&[&[unexplained]], &[&[]], 1),
            (&[], &[&[unexplained], &[]], 1),
            (&[], &[&[], &[repaired, repaired]], 2),
            (&[], &[&[], &[unexplained, repaired]], 2),
        ] {
            let mut runs: Vec<_> = meanwhile.iter().map(|findings| Ok(run(findings))).collect();
            runs.push(Err("Stripe did not answer".to_owned()));
            let rest = Rest {
                quiet: Ok(Duration::ZERO),
                reconciled: afterwards.iter().map(|findings| run(findings)).collect(),
            };
            let tally = explained(&runs, &rest).tally;
            assert_eq!(tally.broken, broken, "{meanwhile:?} {afterwards:?}: {tally:?}");
            assert!(tally.checked >= 3, "{tally:?}");
        }
    }
}
