//! Each alert names a section of a runbook that is there, and each section belongs to an alert.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::none;
use crate::sources;

const RULES: &str = "infrastructure/monitoring/rules";
/// The runbooks whose sections are alerts.
const PAGES: [&str; 4] = ["gateway", "orders", "money", "platform"];

/// An alert, and what it says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Alert {
    name: String,
    severity: String,
    runbook: String,
}

fn alerts(rules: &str) -> Vec<Alert> {
    let mut found: Vec<Alert> = Vec::new();
    for line in rules.lines().map(str::trim) {
        let value = |key: &str| {
            line.strip_prefix(key)
                .map(|value| value.trim_matches(['"', ' ']).to_owned())
        };
        if let Some(name) = value("- alert:") {
            found.push(Alert {
                name,
                ..Alert::default()
            });
        }
        if let Some(alert) = found.last_mut() {
            alert.severity = value("severity:").unwrap_or_else(|| alert.severity.clone());
            alert.runbook = value("runbook:").unwrap_or_else(|| alert.runbook.clone());
        }
    }
    found
}

/// By page: its sections.
type Sections = BTreeMap<String, BTreeSet<String>>;

fn judge(alerts: &[Alert], sections: &Sections) -> Vec<String> {
    let (mut wrong, mut named) = (Vec::new(), BTreeSet::new());
    for Alert {
        name,
        severity,
        runbook,
    } in alerts
    {
        if !["page", "ticket"].contains(&severity.as_str()) {
            wrong.push(format!("{name} is neither a page nor a ticket"));
        }
        let (page, anchor) = runbook.split_once('#').unwrap_or((runbook, ""));
        let there = sections
            .get(page)
            .is_some_and(|known| known.contains(name) && anchor == name.to_lowercase());
        if !there {
            wrong.push(format!("{name} names {runbook}: no section `## {name}` is there"));
        }
        named.insert((page.to_owned(), name.clone()));
    }
    for (page, known) in sections {
        let lost = known
            .iter()
            .filter(|name| !named.contains(&(page.clone(), (*name).clone())));
        wrong.extend(lost.map(|name| format!("{page} has a section {name}, which no alert names")));
    }
    wrong
}

fn sections(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(str::to_owned)
        .collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn every_alert_links_a_runbook_and_every_runbook_an_alert() {
    let root = sources::root();
    let mut all = Vec::new();
    for entry in fs::read_dir(root.join(RULES)).unwrap() {
        all.extend(alerts(&read(&entry.unwrap().path())));
    }
    assert!(all.len() >= 30, "only {} alerts were found", all.len());
    let pages = PAGES.map(|page| format!("docs/runbooks/{page}.md"));
    let known = pages
        .into_iter()
        .map(|page| (page.clone(), sections(&read(&root.join(page)))));
    none(&judge(&all, &known.collect()));
}

#[test]
fn an_alert_without_a_runbook_and_a_runbook_without_an_alert_are_found() {
    let rules = "  - alert: SagaStuck\n    labels:\n      severity: page\n    annotations:\n      runbook: docs/r.md#sagastuck\n";
    let known = |sections: &[&str]| {
        let sections = sections.iter().map(ToString::to_string).collect();
        Sections::from([("docs/r.md".to_owned(), sections)])
    };
    assert!(judge(&alerts(rules), &known(&["SagaStuck"])).is_empty());
    assert_eq!(judge(&alerts(rules), &known(&["SagaStuck", "Gone"])).len(), 1);
    assert_eq!(judge(&alerts(rules), &known(&[])).len(), 1);
    assert_eq!(judge(&alerts(rules), &Sections::new()).len(), 1);
    let elsewhere = rules.replace("#sagastuck", "#saga-stuck");
    assert_eq!(judge(&alerts(&elsewhere), &known(&["SagaStuck"])).len(), 1);
    let nobody = rules.replace("page", "whenever");
    assert_eq!(judge(&alerts(&nobody), &known(&["SagaStuck"])).len(), 1);
}
