//! Every metric is described where it is made known, and listed in `docs/metrics.md`; nothing else is listed there.
//!
//! `UPDATE=1 cargo test -p souk-test-architecture metrics` rewrites the list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::none;
use crate::sources::{self, Source, without_comments};

const PAGE: &str = "docs/metrics.md";
const KINDS: [&str; 3] = ["counter", "gauge", "histogram"];

/// What the sources say of metrics.
#[derive(Default)]
struct Known {
    /// By name: kind and labels.
    shown: BTreeMap<String, (&'static str, BTreeSet<String>)>,
    /// By name: kind, unit, description.
    described: BTreeMap<String, (&'static str, String, String)>,
    wrong: Vec<String>,
}

fn read(sources: &[Source]) -> Known {
    let mut known = Known::default();
    for source in sources.iter().filter(|s| !s.path.contains("tests")) {
        let text = without_comments(&source.text);
        for kind in KINDS {
            for call in calls(&text, &format!("{kind}!(")) {
                known.show(&source.path, kind, call);
            }
            for call in calls(&text, &format!("describe_{kind}!(")) {
                known.describe(&source.path, kind, call);
            }
        }
    }
    known
}

impl Known {
    fn show(&mut self, path: &str, kind: &'static str, call: &str) {
        let Some((name, rest)) = literal(call).filter(|_| call.trim_start().starts_with('"')) else {
            self.wrong
                .push(format!("{path}: a {kind} whose name is not written out: {call}"));
            return;
        };
        let (was, labels) = self
            .shown
            .entry(name.to_owned())
            .or_insert((kind, BTreeSet::new()));
        if *was != kind {
            self.wrong.push(format!("{name} is a {was} and a {kind}"));
        }
        let mut rest = rest;
        while let Some((label, after)) = literal(rest) {
            if after.trim_start().starts_with("=>") {
                labels.insert(label.to_owned());
            }
            rest = after;
        }
    }

    fn describe(&mut self, path: &str, kind: &'static str, call: &str) {
        let unit = call.split_once("Unit::").map(|(_, rest)| rest);
        let unit = unit.and_then(|rest| rest.split_once(|c: char| !c.is_alphanumeric()));
        let text = literal(call).and_then(|(name, rest)| Some((name, literal(rest)?.0)));
        let (Some((unit, _)), Some((name, about))) = (unit, text) else {
            self.wrong
                .push(format!("{path}: a description without a unit or a text: {call}"));
            return;
        };
        let known = (kind, unit.to_lowercase(), about.to_owned());
        if self.described.insert(name.to_owned(), known).is_some() {
            self.wrong.push(format!("{name} is described twice"));
        }
    }

    /// The lines of the table, by name; and what is wrong with names.
    fn rows(&self) -> (BTreeMap<&str, String>, Vec<String>) {
        let (mut rows, mut wrong) = (BTreeMap::new(), Vec::new());
        for (name, (kind, labels)) in &self.shown {
            match self.described.get(name) {
                Some((described, unit, about)) if described == kind => {
                    let labels: Vec<_> = labels.iter().map(|l| format!("`{l}`")).collect();
                    let row = format!("| `{name}` | {kind} | {unit} | {} | {about} |", labels.join(", "));
                    rows.insert(name.as_str(), row);
                }
                Some((described, ..)) => {
                    wrong.push(format!("{name} is a {kind}, described as a {described}"))
                }
                None => wrong.push(format!("{name} has no description")),
            }
        }
        let silent = self
            .described
            .keys()
            .filter(|name| !self.shown.contains_key(*name));
        wrong.extend(silent.map(|name| format!("{name} is described and never shown")));
        (rows, wrong)
    }
}

/// What stands in the brackets of each call that begins with `begin`.
fn calls<'a>(text: &'a str, begin: &'a str) -> impl Iterator<Item = &'a str> {
    let whole = |at: usize| {
        let before = text.get(..at).unwrap_or_default().chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    };
    text.match_indices(begin)
        .filter(move |(at, _)| whole(*at))
        .map(|(at, _)| {
            let rest = text.get(at + begin.len()..).unwrap_or_default();
            let (mut depth, mut quoted) = (1, false);
            let end = rest.find(|c| {
                match c {
                    '"' => quoted = !quoted,
                    '(' if !quoted => depth += 1,
                    ')' if !quoted => depth -= 1,
                    _ => {}
                }
                depth == 0
            });
            rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
        })
}

/// The first string, and what comes after it.
fn literal(text: &str) -> Option<(&str, &str)> {
    text.split_once('"')?.1.split_once('"')
}

/// The rows of the page that are about a metric, by its name.
fn listed(page: &str) -> BTreeMap<&str, &str> {
    let rows = page.lines().filter_map(|line| {
        let name = line.strip_prefix("| `")?.split_once('`')?.0;
        Some((name, line))
    });
    rows.collect()
}

fn judge(rows: &BTreeMap<&str, String>, page: &str) -> Vec<String> {
    let listed = listed(page);
    let mut wrong = Vec::new();
    for (name, row) in rows {
        match listed.get(name) {
            Some(line) if line == row => {}
            Some(_) => wrong.push(format!("{PAGE} should say\n{row}")),
            None => wrong.push(format!("{PAGE} lacks\n{row}")),
        }
    }
    let lost = listed.keys().filter(|name| !rows.contains_key(*name));
    wrong.extend(lost.map(|name| format!("{PAGE} lists {name}, which no code shows")));
    wrong
}

#[test]
fn every_metric_is_described_and_listed_and_every_listed_one_is_shown() {
    let known = read(&sources::all());
    let (rows, mut wrong) = known.rows();
    wrong.extend(known.wrong.iter().cloned());
    none(&wrong);
    let path = sources::root().join(PAGE);
    let mut page = fs::read_to_string(&path).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        let head = page.split("| `").next().unwrap().to_owned();
        page = head + &rows.values().map(|row| format!("{row}\n")).collect::<String>();
        fs::write(&path, &page).unwrap();
    }
    none(&judge(&rows, &page));
    assert!(rows.len() > 40, "only {} metrics were found", rows.len());
}

#[test]
fn a_metric_that_is_not_described_listed_or_shown_is_found() {
    let source = |text: &str| {
        let path = "crates/pg/src/pool.rs".to_owned();
        read(&[Source {
            path,
            text: text.to_owned(),
        }])
    };
    let known = source(
        "metrics::gauge!(\"a\", \"x\" => f(1, \"y\"), \"z\" => 2).set(1.0);\n// metrics::gauge!(\"b\")\n\
         metrics::describe_gauge!(\"a\", Unit::Seconds, \"How long (of all).\");",
    );
    let (rows, wrong) = known.rows();
    assert!(wrong.is_empty(), "{wrong:?}");
    let row = "| `a` | gauge | seconds | `x`, `z` | How long (of all). |";
    assert!(judge(&rows, row).is_empty(), "{rows:?}");
    assert_eq!(judge(&rows, "").len(), 1);
    assert_eq!(
        judge(&rows, "| `a` | gauge | count | | |\n| `b` | | | | |").len(),
        2
    );

    assert_eq!(source("counter!(name, \"x\" => 1)").wrong.len(), 1);
    assert_eq!(source("describe_counter!(\"a\", \"no unit\")").wrong.len(), 1);
    let wrong = source("counter!(\"a\"); describe_gauge!(\"a\", Unit::Count, \"A.\"); histogram!(\"b\");");
    assert_eq!(wrong.rows().1.len(), 2);
    assert_eq!(
        source("describe_gauge!(\"a\", Unit::Count, \"A.\");")
            .rows()
            .1
            .len(),
        1
    );
}
