//! Tables in documents that list what the code has, hold all of it and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::none;
use crate::sources::{self, without_comments};

fn read(path: &str) -> String {
    fs::read_to_string(sources::root().join(path)).unwrap()
}

/// The first two cells of the rows of tables between the heading that begins like this and the next one.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<(&'a str, &'a str)> {
    let below = page.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
    let below = below.take_while(|line| !line.starts_with("## "));
    let cells = below.filter_map(|line| line.strip_prefix('|')?.split_once('|'));
    cells
        .map(|(first, rest)| (first.trim(), rest.split('|').next().unwrap_or_default().trim()))
        .filter(|(first, _)| !first.starts_with("--"))
        .collect()
}

/// What follows each call of `name`: its first two arguments, of which the first is a text.
fn calls(code: &str, name: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for call in code.split(&format!("{name}(")).skip(1) {
        let mut parts = call.trim_start().splitn(3, '"');
        if let (Some(""), Some(text), Some(rest)) = (parts.next(), parts.next(), parts.next()) {
            let second = rest.trim_start_matches(',').split(',').next().unwrap_or_default();
            found.push((text.to_owned(), second.trim().to_owned()));
        }
    }
    found
}

fn compare(wrong: &mut Vec<String>, page: &str, code: &BTreeSet<String>, listed: &BTreeSet<String>) {
    wrong.extend(
        code.difference(listed)
            .map(|what| format!("{page} does not list {what}")),
    );
    wrong.extend(
        listed
            .difference(code)
            .map(|what| format!("{page} lists {what}, which is not there")),
    );
}

fn judge_invariants(code: &str, page: &str) -> Vec<String> {
    let rules = calls(&without_comments(code), "line")
        .into_iter()
        .map(|(rule, _)| rule);
    let listed = rows(page, "## `souk audit`").into_iter();
    let listed = listed.flat_map(|(rules, _)| rules.split(", ").map(str::to_owned));
    let mut wrong = Vec::new();
    compare(
        &mut wrong,
        "docs/proof.md",
        &rules.collect(),
        &listed.filter(|rule| !rule.is_empty()).collect(),
    );
    wrong
}

#[test]
fn every_invariant_that_the_audit_checks_is_explained() {
    none(&judge_invariants(
        &read("souk/src/audit/report.rs"),
        &read("docs/proof.md"),
    ));
}

#[test]
fn an_invariant_that_is_not_explained_or_not_checked_is_found() {
    let code = "line(\n    \"A-1\",\n    \"it holds\", x), line(\"A-2\", \"so does it\", y)";
    let page = |row: &str| {
        format!("## `souk audit`: the books\n\n| | invariant |\n|---|---|\n| {row} | it holds |\n## Else\n")
    };
    assert!(judge_invariants(code, &page("A-1, A-2")).is_empty());
    assert_eq!(judge_invariants(code, &page("A-1")).len(), 1);
    assert_eq!(judge_invariants(code, &page("A-1, A-2, A-3")).len(), 1);
}

/// A path without what says that all below it is meant.
fn base(path: &str) -> &str {
    path.trim_end_matches("/**").trim_end_matches("/{*rest}")
}

fn judge_routes(code: &str, page: &str) -> Vec<String> {
    let routes = calls(&without_comments(code), "route").into_iter();
    let routes = routes.map(|(path, service)| format!("{} of {}", base(&path), service.to_lowercase()));
    let mut listed = BTreeMap::new();
    for (paths, service) in rows(page, "## Routes") {
        for path in paths.split('`').filter(|part| part.starts_with("/api/")) {
            listed.entry(base(path)).or_insert(service);
        }
    }
    // What the gateway answers itself is in another table.
    listed.remove("/api/openapi.json");
    let listed = listed
        .into_iter()
        .map(|(path, service)| format!("{path} of {service}"));
    let mut wrong = Vec::new();
    compare(
        &mut wrong,
        "docs/services/api-gateway.md",
        &routes.collect(),
        &listed.collect(),
    );
    wrong
}

#[test]
fn every_route_of_the_gateway_is_in_its_guide() {
    none(&judge_routes(
        &read("services/api-gateway/src/routes.rs"),
        &read("docs/services/api-gateway.md"),
    ));
}

#[test]
fn a_route_that_is_in_no_guide_and_one_that_is_nowhere_else_are_found() {
    let code = "route(\"/api/a/**\", User, Class::Auth, Anyone), route(\n    \"/api/b\",\n    Order,\n)";
    let page = |rows: &str| format!("## Routes\n\n| path | service |\n|---|---|\n{rows}\n");
    assert!(
        judge_routes(
            code,
            &page("| `/api/a/**` | user |\n| `/api/b`, and below | order |")
        )
        .is_empty()
    );
    assert_eq!(judge_routes(code, &page("| `/api/a/**` | user |")).len(), 1);
    assert_eq!(
        judge_routes(code, &page("| `/api/a`, `/api/b` | user |")).len(),
        2
    );
}
