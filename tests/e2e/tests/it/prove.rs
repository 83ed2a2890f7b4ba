//! `souk prove`, short; `make prove` is the long one.

use crate::up::{Folder, souk};

// STK-14, SAG-5, SAG-7, EVT-1, EVT-3, PAY-1, PAY-7, PAY-8, PAY-10, PAY-13, PAY-15, PAY-16, PAY-17, PAY-20
#[test]
fn a_shop_that_is_killed_and_disturbed_while_it_sells_keeps_its_books_and_its_promises() {
    let folder = Folder::new("prove");
    let (kept, report) = (folder.0.join("shop"), folder.0.join("report.md"));
    std::fs::create_dir_all(&folder.0).expect("a folder");
    let (ok, said) = souk(
        &[
            "prove",
            "--orders",
            "45",
            "--kills",
            "5",
            "--seed",
            "3",
            "--keep",
            &kept.display().to_string(),
            "--report",
            &report.display().to_string(),
        ],
        &[],
    );
    assert!(ok, "{said}");
    let report = std::fs::read_to_string(report).expect("a report");
    assert!(report.contains("Proved: every invariant holds."), "{report}");
    for struck in [
        "× kill -9 of postgres",
        "× reconciliation",
        "× Stripe answers 429",
        "× Stripe's answer breaks off after the work",
        "× Stripe's events are dropped",
    ] {
        assert!(report.contains(struck), "no {struck} in {report}");
    }
    for checked in [
        "each object moved in the ledger what it moved at Stripe",
        "an order says what its dispute is",
        "reconciliation repairs what differs",
    ] {
        let line = report
            .lines()
            .find(|line| line.contains(checked))
            .unwrap_or_default();
        assert!(
            !line.is_empty() && !line.starts_with("| 0 |"),
            "{checked}: {report}"
        );
    }
    // What was proved can be looked at: the books of the shop that is left.
    let (ok, said) = souk(
        &["audit", "--data", &kept.display().to_string(), "--settled", "0"],
        &[],
    );
    assert!(ok && said.contains("the books are right"), "{said}");
}
